/**
 * FusedBatchNorm of `[…, C]` with statistics `[C]` as one multiplication and one addition per element; tfjs's
 * divides in float64 and counts four indices per element.
 */
import { tf } from '../../tf.js';
import { advance, defineFunction, repeat, v128 } from '../assembler.js';
import { addressOf, allocate, floats, type Kernel, release, simdModule, type TensorInfo } from '../simd.js';

export const fusedBatchNorm =
  (original: Kernel): Kernel =>
  (call) => {
    const { backend } = call;
    const { x, mean, variance, offset, scale } = call.inputs as unknown as BatchNormInputs;
    const channels = x.shape.at(-1) ?? 1;
    const statistics = [mean, variance, ...(offset ? [offset] : []), ...(scale ? [scale] : [])];
    if (statistics.some((tensor) => !tf.util.arraysEqual(tensor.shape, [channels]))) return original(call);
    const { varianceEpsilon } = call.attrs as { varianceEpsilon: number };

    const out = allocate(backend, x.shape, 'float32');
    const factors = allocate(backend, [2, channels], 'float32');
    const [means, variances] = [floats(backend, mean), floats(backend, variance)];
    const [offsets, scales] = [offset && floats(backend, offset), scale && floats(backend, scale)];
    const both = floats(backend, factors);
    for (let c = 0; c < channels; c++) {
      const factor = (scales?.[c] ?? 1) / Math.sqrt(variances[c]! + varianceEpsilon);
      both[c] = factor;
      both[channels + c] = (offsets?.[c] ?? 0) - means[c]! * factor;
    }
    const rows = tf.util.sizeFromShape(x.shape) / channels;
    const at = addressOf(backend, factors);
    functions(backend).affine!(
      ...[addressOf(backend, x), at, at + 4 * channels, addressOf(backend, out)],
      ...[rows, channels >> 2, channels & 3],
    );
    release(backend, factors);
    return out;
  };

interface BatchNormInputs {
  readonly x: TensorInfo;
  readonly mean: TensorInfo;
  readonly variance: TensorInfo;
  readonly offset?: TensorInfo;
  readonly scale?: TensorInfo;
}

const functions = simdModule(() => [
  defineFunction('affine', ['x', 'factors', 'terms', 'out', 'rows', 'vectors', 'rest'], (p, local) => {
    const [row, column, factor, term] = [local('i32'), local('i32'), local('i32'), local('i32')];
    const [x, out] = [p.x!, p.out!];
    const compute = (load: typeof v128.load) => v128.multiplyAdd(load(x), load(factor), load(term));
    const step = (bytes: number) => [x, out, factor, term].map((pointer) => advance(pointer, bytes));
    return [
      repeat(row, p.rows!, [
        factor.set(p.factors!),
        term.set(p.terms!),
        repeat(column, p.vectors!, [v128.store(out, compute(v128.load)), ...step(16)]),
        repeat(column, p.rest!, [v128.storeFirst(out, compute(v128.loadFirst)), ...step(4)]),
      ]),
    ];
  }),
]);
