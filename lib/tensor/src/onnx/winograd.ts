/**
 * 3×3 convolutions with a third less arithmetic (Winograd's F(2,3), along the rows). Two rows of the result
 * need four rows of the input, d₀ … d₃, and with the kernel's rows g₀, g₁, g₂
 *
 *     y₀ = (d₀−d₂)·g₀ + m₁ + m₂      m₁ = (d₁+d₂)·(g₀+g₂+g₁)/2
 *     y₁ = (d₃−d₁)·g₂ + m₁ − m₂      m₂ = (d₂−d₁)·(g₀+g₂−g₁)/2
 *
 * where · is a convolution along the columns: four of them with one row of taps, on half as many rows,
 * instead of one with three. The differences of rows are depthwise convolutions with stride 2 and cost a pass
 * each, so this pays only where there is much arithmetic per element. Measured on one core of an EPYC 9004 at
 * batch 128: with 192 channels at 8×8 54 → 43 ms, with 96 at 16×16 52 → 45 ms, with 48 at either size no
 * gain.
 */
import type { Shape } from '../ops/index.js';
import { type Builder, nchwc } from './builder.js';
import { blockedKernel } from './filter.js';
import { type ConvOptions, emitConvolution, paddedChannels, sliceOf } from './layout.js';

/** From this many channels on (on both sides) it is faster than the direct way. */
const fewestChannels = 96;

export interface WinogradGeometry {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** [top, left, bottom, right] */
  readonly pads: readonly number[];
}

/** Whether a kernel [H,W,in,out] on a blocked input [N,C,H,W] is faster this way. */
export function suitsWinograd(
  kernel: Shape,
  input: Shape,
  { strides, dilations, pads }: WinogradGeometry,
): boolean {
  const [kh, , cin, cout] = kernel;
  const [rows, even] = [pads[0] === 1 && pads[2] === 1, input[2]! % 2 === 0];
  const unit = [...strides, ...dilations].every((n) => n === 1);
  return kh === 3 && rows && even && unit && cin! >= fewestChannels && cout! >= fewestChannels;
}

/**
 * As a convolution with stride 1 and one row of zeros above and below; `options.scale` must be in the kernel.
 */
export function winogradConvolution(
  b: Builder,
  x: string,
  kernel: string,
  [, left, , right]: readonly number[],
  block: number,
  { bias, relu, sum }: ConvOptions,
): string {
  const [n, , h, w] = b.shapeOf(x) as [number, number, number, number];
  const [, kw, cin, cout] = b.shapeOf(kernel) as [number, number, number, number];
  const channels = paddedChannels(cout, block);
  const columns = w + left! + right! - kw + 1;
  const half: Shape = [n, channels, h / 2, columns];
  const row = (i: number): string => sliceOf(b, kernel, [i, 0, 0, 0], [1, kw, cin, cout]);
  const combine = (op: 'Add' | 'Sub', p: string, q: string): string =>
    b.emit(op, [p, q], { shape: b.shapeOf(p) });
  const halved = (p: string): string => b.emit('Mul', [p, b.floats([0.5], [])], { shape: b.shapeOf(p) });
  const along = (input: string, taps: string, options: ConvOptions = {}): string =>
    emitConvolution(b, input, blockedKernel(b, taps, block), half, options, { pads: [0, left!, 0, right!] });

  const outer = combine('Add', row(0), row(2));
  const middle = along(rowSums(b, x, [1, 1], 0, block), halved(combine('Add', outer, row(1))));
  const change = along(rowSums(b, x, [-1, 1], 0, block), halved(combine('Sub', outer, row(1))));
  const fused = sum === undefined ? { bias, relu } : { bias };
  const even = along(rowSums(b, x, [1, 0, -1], 1, block), row(0), {
    ...fused,
    sum: combine('Add', middle, change),
  });
  const odd = along(rowSums(b, x, [-1, 0, 1], 0, block), row(2), {
    ...fused,
    sum: combine('Sub', middle, change),
  });
  // The rows of a block of channels lie one after the other: joining pairs interleaves them.
  const pairs: Shape = [(n * channels * h) / block / 2, 1, columns * block];
  const joined = b.emit('Concat', [b.reshape(even, pairs), b.reshape(odd, pairs)], {
    shape: [pairs[0]!, 2, pairs[2]!],
    attributes: { axis: 1 },
  });
  const shape: Shape = [n, channels, h, columns];
  const result = b.reshape(joined, shape);
  if (sum === undefined) return result;
  const total = b.emit('Add', [result, sum], { shape });
  return relu ? b.emit('Relu', [total], { shape }) : total;
}

/** Σ factors[i] · row(2r − top + i), for each r: half as many rows. */
function rowSums(b: Builder, x: string, factors: readonly number[], top: number, block: number): string {
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  const taps = factors.length;
  const values = Float32Array.from({ length: c * taps }, (_, i) => factors[Math.floor(i / block) % taps]!);
  const bottom = Math.max(0, taps - 2 - top);
  return b.emit('Conv', [x, b.floats(values, [c, 1, taps, 1])], {
    shape: [n, c, h / 2, w],
    domain: nchwc,
    attributes: { kernel_shape: [taps, 1], strides: [2, 1], pads: [top, 0, bottom, 0], group: c },
  });
}
