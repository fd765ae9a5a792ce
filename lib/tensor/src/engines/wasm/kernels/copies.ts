/**
 * Slice, StridedSlice, Concat and Tile as strided copies inside the heap. tfjs's Slice copies the whole input
 * out of the heap first, its Tile (which is also broadcastTo) and StridedSlice compute every element's
 * coordinates. Types that are not 4 bytes wide stay with tfjs.
 */
import { tf } from '../../tf.js';
import { copyStrided } from '../copy.js';
import { addressOf, allocate, type BackendWasm, type Kernel, type TensorInfo } from '../simd.js';

const isWord = (tensor: TensorInfo): boolean => tensor.dtype === 'float32' || tensor.dtype === 'int32';

/** The elements from one index to the next along each axis of a row-major tensor. */
function stridesOf(shape: readonly number[]): number[] {
  const strides = Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);

export const slice =
  (original: Kernel): Kernel =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    if (!isWord(x)) return original(call);
    const { begin, size } = call.attrs as { begin: number | number[]; size: number | number[] };
    const [start, outShape] = tf.slice_util.parseSliceParams(x, begin, size) as [number[], number[]];
    tf.slice_util.assertParamsValid(x, start, outShape);
    return window(call, x, start, outShape, Array<number>(x.shape.length).fill(1));
  };

export const stridedSlice =
  (original: Kernel): Kernel =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    if (!isWord(x)) return original(call);
    const at = call.attrs as unknown as tf.StridedSliceAttrs;
    const masks = [at.beginMask, at.endMask, at.ellipsisMask, at.newAxisMask, at.shrinkAxisMask] as const;
    const info = tf.slice_util.sliceInfo(x.shape, at.begin, at.end, at.strides, ...masks);
    const steps = info.strides;
    const counts = info.begin.map((b, i) => Math.max(0, Math.ceil((info.end[i]! - b) / steps[i]!)));
    const out = window(call, x, info.begin, counts, steps);
    return { ...out, shape: info.finalShape };
  };

/** Every `steps`-th element from `begin` on, `counts` of them along each axis. */
function window(
  { backend }: { backend: BackendWasm },
  x: TensorInfo,
  begin: readonly number[],
  counts: readonly number[],
  steps: readonly number[],
): TensorInfo {
  const out = allocate(backend, counts, x.dtype);
  const [source, target] = [stridesOf(x.shape), stridesOf(counts)];
  const dimensions = counts.map((size, i) => ({ size, source: steps[i]! * source[i]!, target: target[i]! }));
  copyStrided(backend, addressOf(backend, x) + 4 * dot(begin, source), addressOf(backend, out), dimensions);
  return out;
}

export const concat =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const inputs = Object.values(call.inputs);
    const filled = inputs.filter((tensor) => !tensor.shape.includes(0));
    if (filled.length < 2 || !inputs.every(isWord)) return original(call);
    const { axis: given } = call.attrs as { axis: number };
    const axis = tf.util.parseAxisParam(given, inputs[0]!.shape)[0]!;
    const shapes = inputs.map((tensor) => tensor.shape);
    tf.backend_util.assertParamsConsistent(shapes, axis);
    const out = allocate(backend, tf.backend_util.computeOutShape(shapes, axis), inputs[0]!.dtype);
    const outer = tf.util.sizeFromShape(out.shape.slice(0, axis));
    const rowOf = (tensor: TensorInfo): number => tf.util.sizeFromShape(tensor.shape.slice(axis));
    let target = addressOf(backend, out);
    for (const tensor of filled) {
      const row = rowOf(tensor);
      copyStrided(backend, addressOf(backend, tensor), target, [
        { size: outer, source: row, target: rowOf(out) },
        { size: row, source: 1, target: 1 },
      ]);
      target += 4 * row;
    }
    return out;
  };

export const tile =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { x } = call.inputs as { x: TensorInfo };
    if (!isWord(x)) return original(call);
    const { reps } = call.attrs as { reps: number[] };
    const out = allocate(
      backend,
      x.shape.map((size, i) => size * reps[i]!),
      x.dtype,
    );
    const [source, target] = [stridesOf(x.shape), stridesOf(out.shape)];
    const dimensions = x.shape.flatMap((size, i) => [
      { size: reps[i]!, source: 0, target: target[i]! * size },
      { size, source: source[i]!, target: target[i]! },
    ]);
    copyStrided(backend, addressOf(backend, x), addressOf(backend, out), dimensions);
    return out;
  };
