/**
 * Conv2DBackpropInput as convolutions: tfjs's own is a plain loop, its Conv2D is XNNPACK.
 *
 * With stride s, an input pixel i = s·q + r receives only from the taps t ≡ r + pad (mod s), and along an
 * axis dx[s·q + r] = Σ_j W[t₀ + s·j] · dy[q + e − j]: for each of the s·s phases (r of rows, r of columns)
 * that is an ordinary stride-1 convolution of dy with the phase's taps in reverse order and transposed. No
 * multiplication is spent on zeros, which inserting zeros into dy would do. The phases are then interleaved
 * into dx.
 */
import { tf } from '../../tf.js';
import { copyStrided } from '../copy.js';
import {
  addressOf,
  allocate,
  type BackendWasm,
  callKernel,
  type Kernel,
  release,
  type TensorInfo,
} from '../simd.js';
import { type ConvAttributes, convShape } from './conv2DShape.js';

type Shape4 = [number, number, number, number];

export const conv2DBackpropInput: Kernel = ({ inputs, attrs, backend }) => {
  const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo };
  const { inputShape, ...rest } = attrs as unknown as ConvAttributes & { inputShape: Shape4 };
  const shape = convShape('Conv2DBackpropInput', inputShape, filter.shape as Shape4, rest);
  const { filterHeight, filterWidth, strideHeight, strideWidth } = shape;
  const rowPhases = phasesOf(shape.inHeight, filterHeight, strideHeight, shape.padTop, shape.outHeight);
  const columnPhases = phasesOf(shape.inWidth, filterWidth, strideWidth, shape.padLeft, shape.outWidth);

  const transposed = callKernel(tf.Transpose, backend, { x: filter }, { perm: [0, 1, 3, 2] });
  const phase = (rows: Phase, columns: Phase) => phaseGradient(backend, dy, transposed, rows, columns);
  if (strideHeight === 1 && strideWidth === 1 && rowPhases[0]!.outputs > 0 && columnPhases[0]!.outputs > 0) {
    const dx = phase(rowPhases[0]!, columnPhases[0]!);
    release(backend, transposed);
    return dx;
  }
  const dx = allocate(backend, inputShape, 'float32');
  for (const rows of rowPhases) {
    for (const columns of columnPhases) {
      if (rows.count === 0 || columns.count === 0) continue;
      const part = rows.outputs > 0 && columns.outputs > 0 ? phase(rows, columns) : undefined;
      interleave(backend, part, dx, [rows, columns], [strideHeight, strideWidth]);
      if (part) release(backend, part);
    }
  }
  release(backend, transposed);
  return dx;
};

/** The inputs i ≡ `remainder` (mod stride) along one axis, and what reaches them. */
interface Phase {
  readonly remainder: number;
  /** How many such inputs there are. */
  readonly count: number;
  /** The taps firstTap, firstTap + stride, …: so many. */
  readonly firstTap: number;
  readonly stride: number;
  readonly taps: number;
  /** Zeros to put before and after dy; negative: outputs to leave out. */
  readonly padBefore: number;
  readonly padAfter: number;
  /** How many outputs reach these inputs; 0: their gradient is zero. */
  readonly outputs: number;
}

function phasesOf(inputs: number, filter: number, stride: number, pad: number, outputs: number): Phase[] {
  return Array.from({ length: stride }, (_, remainder) => {
    const count = Math.max(0, Math.ceil((inputs - remainder) / stride));
    const firstTap = (remainder + pad) % stride;
    const taps = Math.max(0, Math.ceil((filter - firstTap) / stride));
    const padBefore = taps - 1 - (remainder + pad - firstTap) / stride;
    const padAfter = count + taps - 1 - padBefore - outputs;
    const reaching = outputs + Math.min(0, padBefore) + Math.min(0, padAfter);
    const phase = { remainder, count, firstTap, stride, taps, padBefore, padAfter };
    return { ...phase, outputs: taps > 0 ? Math.max(0, reaching) : 0 };
  });
}

/** dx at the pixels of one phase: `[N, rows.count, columns.count, C]`. */
function phaseGradient(
  backend: BackendWasm,
  dy: TensorInfo,
  transposedFilter: TensorInfo,
  rows: Phase,
  columns: Phase,
): TensorInfo {
  const filter = reversedTaps(backend, transposedFilter, rows, columns);
  const cropped = crop(backend, dy, rows, columns);
  const pad = [rows, columns].map((p) => [Math.max(0, p.padBefore), Math.max(0, p.padAfter)]);
  const dx = callKernel(
    tf.Conv2D,
    backend,
    { x: cropped ?? dy, filter },
    {
      strides: [1, 1],
      dilations: [1, 1],
      pad: [[0, 0], ...pad, [0, 0]],
      dataFormat: 'NHWC',
    },
  );
  release(backend, filter, ...(cropped ? [cropped] : []));
  return dx;
}

/** The phase's taps of a `[kh, kw, K, C]` filter, last tap first. */
function reversedTaps(backend: BackendWasm, filter: TensorInfo, rows: Phase, columns: Phase): TensorInfo {
  const [, width, ...channels] = filter.shape as Shape4;
  const tap = channels[0]! * channels[1]!;
  const out = allocate(backend, [rows.taps, columns.taps, ...channels], 'float32');
  const lastTap = (p: Phase): number => p.firstTap + (p.taps - 1) * p.stride;
  const first = tap * (lastTap(rows) * width + lastTap(columns));
  copyStrided(backend, addressOf(backend, filter) + 4 * first, addressOf(backend, out), [
    { size: rows.taps, source: -tap * width * rows.stride, target: tap * columns.taps },
    { size: columns.taps, source: -tap * columns.stride, target: tap },
    { size: tap, source: 1, target: 1 },
  ]);
  return out;
}

/** dy without the outputs that no input of this phase reaches, or nothing when all are needed. */
function crop(backend: BackendWasm, dy: TensorInfo, rows: Phase, columns: Phase): TensorInfo | undefined {
  const [n, height, width, channels] = dy.shape as Shape4;
  if (rows.outputs === height && columns.outputs === width) return undefined;
  const begin = [0, Math.max(0, -rows.padBefore), Math.max(0, -columns.padBefore), 0];
  const attributes = { begin, size: [n, rows.outputs, columns.outputs, channels] };
  return callKernel(tf.Slice, backend, { x: dy }, attributes);
}

/** Writes a phase (or zeros) to its places in dx. */
function interleave(
  backend: BackendWasm,
  part: TensorInfo | undefined,
  dx: TensorInfo,
  [rows, columns]: [Phase, Phase],
  [strideHeight, strideWidth]: [number, number],
): void {
  const [n, height, width, channels] = dx.shape as Shape4;
  const zero = part ? undefined : allocate(backend, [1], 'float32');
  if (zero) backend.typedArrayFromHeap(zero)[0] = 0;
  const stride = (elements: number): number => (part ? elements : 0);
  const first = channels * (rows.remainder * width + columns.remainder);
  copyStrided(backend, addressOf(backend, part ?? zero!), addressOf(backend, dx) + 4 * first, [
    { size: n, source: stride(rows.count * columns.count * channels), target: height * width * channels },
    { size: rows.count, source: stride(columns.count * channels), target: strideHeight * width * channels },
    { size: columns.count, source: stride(channels), target: strideWidth * channels },
    { size: channels, source: stride(1), target: 1 },
  ]);
  if (zero) release(backend, zero);
}
