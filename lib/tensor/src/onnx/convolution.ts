/**
 * Convolutions and the gradients of their inputs as blocked convolutions of ONNX Runtime, which reach most of
 * the machine's peak without unfolding the input into a matrix.
 *
 * - Forward: the kernel goes from [H,W,in,out] to the blocks that the engine wants, [out/B, in/B, H, W, B,
 *   B].
 * - Gradient of the input: for stride 1 a convolution with the kernel turned by 180° and its channels
 *   exchanged. For stride s every s-th row and column of the gradient sees the same taps: s² small
 *   convolutions, interleaved.
 */
import type { Geometry, Shape } from '../ops/index.js';
import type { Builder } from './builder.js';
import { blockedKernel, scaledKernel } from './filter.js';
import { type ConvOptions, emitConvolution, paddedChannels, padTo } from './layout.js';
import { suitsWinograd, winogradConvolution } from './winograd.js';

/** x blocked (or, with fewer channels than a block, [N,C,H,W]) → blocked output. */
export function forwardConvolution(
  b: Builder,
  x: string,
  kernel: string,
  { output, strides, dilations, pads }: Geometry,
  block: number,
  options: ConvOptions = {},
): string {
  const wholeInput = b.shapeOf(x)[1]! < block;
  if (suitsWinograd(b.shapeOf(kernel), b.shapeOf(x), { strides, dilations, pads })) {
    return winogradConvolution(b, x, scaledKernel(b, kernel, options.scale), pads, block, options);
  }
  const filter = blockedKernel(b, scaledKernel(b, kernel, options.scale), block, wholeInput);
  const [n, h, w, c] = output as [number, number, number, number];
  const shape = [n, paddedChannels(c, block), h, w];
  return emitConvolution(b, x, filter, shape, options, { strides, dilations, pads });
}

/** dy blocked → the gradient of the input, blocked. Undefined for geometries that need another method. */
export function inputGradient(
  b: Builder,
  dy: string,
  kernel: string,
  geometry: Geometry,
  block: number,
  options: ConvOptions = {},
): string | undefined {
  const { input, strides, dilations, pads } = geometry;
  if (dilations.some((d) => d !== 1)) return undefined;
  const [n, h, w, c] = input as [number, number, number, number];
  const [kh, kw] = b.shapeOf(kernel) as [number, number];
  const exchanged = b.transpose(kernel, [0, 1, 3, 2]);
  const rows = phasesOf(h, kh, strides[0], pads[0], geometry.output[1]!);
  const columns = phasesOf(w, kw, strides[1], pads[1], geometry.output[2]!);
  if (!rows || !columns) return undefined;
  const single = rows.length === 1 && columns.length === 1;
  const channels = paddedChannels(c, block);
  const phase = (row: Phase, column: Phase): string => {
    const taps = tapsOf(b, exchanged, row, column);
    const shape: Shape = [n, row.size, column.size, c];
    const attributes = { pads: [row.before, column.before, row.after, column.after] };
    const scaled = scaledKernel(b, taps, options.scale);
    const stride1 = { strides: [1, 1], dilations: [1, 1], pads: attributes.pads };
    if (single && suitsWinograd(b.shapeOf(taps), b.shapeOf(dy), stride1)) {
      return winogradConvolution(b, dy, scaled, attributes.pads, block, options);
    }
    const filter = blockedKernel(b, scaled, block);
    const declared = [n, channels, shape[1]!, shape[2]!];
    return emitConvolution(b, dy, filter, declared, single ? options : {}, attributes);
  };
  if (single) return phase(rows[0]!, columns[0]!);
  // Only a plain sum can be interleaved; whatever else is to be fused comes after it.
  if (options.scale !== undefined && options.scale !== 1) {
    const scaled = scaledKernel(b, exchanged, options.scale);
    return inputGradient(b, dy, b.transpose(scaled, [0, 1, 3, 2]), geometry, block, { ...options, scale: 1 });
  }
  const parts = rows.map((row) =>
    columns.map((column) => (row.taps.length * column.taps.length === 0 ? undefined : phase(row, column))),
  );
  return interleave(b, parts, [n, channels, h, w], block);
}

interface Phase {
  /** The kernel positions that these rows of the gradient see, by increasing row of dy. */
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
  /** How many rows of the gradient. */
  readonly size: number;
}

/**
 * Along one axis: row s·i + p of the gradient is the sum over taps k ≡ p + pad (mod s) of dy at i + (p + pad
 * − k)/s. Undefined if the rows do not divide into equal phases, or a phase starts inside dy.
 */
function phasesOf(
  size: number,
  kernel: number,
  stride: number,
  pad: number,
  out: number,
): Phase[] | undefined {
  if (size % stride !== 0) return undefined;
  const phases = Array.from({ length: stride }, (_, p): Phase => {
    const taps = Array.from({ length: kernel }, (_, k) => kernel - 1 - k).filter(
      (k) => (p + pad - k) % stride === 0,
    );
    if (taps.length === 0) return { taps, before: 0, after: 0, size: size / stride };
    const first = (p + pad - taps[0]!) / stride;
    const last = (p + pad - taps.at(-1)!) / stride;
    return { taps, before: -first, after: size / stride - 1 + last - (out - 1), size: size / stride };
  });
  return phases.some(({ before, after }) => before < 0 || after < 0) ? undefined : phases;
}

/** The chosen taps of a kernel [H,W,…], in the given order. */
function tapsOf(b: Builder, kernel: string, row: Phase, column: Phase): string {
  const [h, w, c, d] = b.shapeOf(kernel) as [number, number, number, number];
  const chosen = row.taps.flatMap((i) => column.taps.map((j) => i * w + j));
  if (chosen.length === h * w && chosen.every((tap, i) => tap === i)) return kernel;
  const flat = b.reshape(kernel, [h * w, c, d]);
  const picked = b.emit('Gather', [flat, b.int64s(chosen)], {
    shape: [chosen.length, c, d],
    attributes: { axis: 0 },
  });
  return b.reshape(picked, [row.taps.length, column.taps.length, c, d]);
}

/** parts[p][q] at rows s·i + p and columns s·j + q; missing parts are zero. */
function interleave(
  b: Builder,
  parts: readonly (readonly (string | undefined)[])[],
  shape: Shape,
  block: number,
): string {
  const [n, c, h, w] = shape as [number, number, number, number];
  const [sh, sw] = [parts.length, parts[0]!.length];
  const [images, ph, pw] = [(n * c) / block, h / sh, w / sw];
  const split: Shape = [images, ph, 1, pw, 1, block];
  const zeros = (size: Shape): string =>
    b.emit('Expand', [b.floats([0], []), b.int64s(size)], { shape: size });
  const only = parts.flat().filter((part) => part !== undefined);
  if (only.length === 1 && parts[0]![0] !== undefined) {
    return b.reshape(padTo(b, b.reshape(only[0]!, split), [images, ph, sh, pw, sw, block]), shape);
  }
  const rowShape: Shape = [images, ph, 1, pw, sw, block];
  const rows = parts.map((row) => {
    const columns = row.map((part) => (part === undefined ? zeros(split) : b.reshape(part, split)));
    return b.emit('Concat', columns, { shape: rowShape, attributes: { axis: 4 } });
  });
  const whole: Shape = [images, ph, sh, pw, sw, block];
  return b.reshape(b.emit('Concat', rows, { shape: whole, attributes: { axis: 2 } }), shape);
}
