/**
 * Convolutions and their gradients as blocked convolutions of ONNX Runtime, which reach most of the machine's
 * peak without unfolding the input into a matrix.
 *
 * - Forward: the kernel goes from [H,W,in,out] to the blocks that the engine wants, [out/B, in/B, H, W, B, B].
 * - Gradient of the input: for stride 1 a convolution with the kernel turned by 180° and its channels exchanged.
 *   For stride s every s-th row and column of the gradient sees the same taps: s² small convolutions, interleaved.
 * - Gradient of the kernel: a convolution too, in which images and channels exchange their roles. The input
 *   becomes in-channel "images" with N "channels", dy the kernel, as large as the image, and the outcome is
 *   [in, out, H, W] with the size of the kernel. A stride becomes a dilation.
 */
import type { Shape } from '../ir.js';
import { sizeOf } from '../ir.js';
import { type Builder, nchwc } from './builder.js';
import {
  type ConvOptions,
  emitConvolution,
  fromBlocked,
  padTo,
  paddedChannels,
  sliceOf,
  sliceTo,
} from './layout.js';
import { suitsWinograd, winogradConvolution } from './winograd.js';

/** A convolution of [N,H,W,C] tensors. Spatial pairs are [height, width]. */
export interface Geometry {
  readonly input: Shape;
  readonly output: Shape;
  /** [H, W, in, out] */
  readonly kernel: Shape;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Zeros before and after the rows and the columns: [top, left, bottom, right]. */
  readonly pads: readonly [number, number, number, number];
}

/** [H,W,in,out] → the engine's blocks, declared [out, in, H, W] with both padded; `wholeInput` for few channels in plain order. */
export function blockedKernel(b: Builder, kernel: string, block: number, wholeInput = false): string {
  const [h, w, cin, cout] = b.shapeOf(kernel) as [number, number, number, number];
  const out = paddedChannels(cout, block);
  if (wholeInput) {
    const split = b.reshape(padTo(b, kernel, [h, w, cin, out]), [h, w, cin, out / block, block]);
    return b.reshape(b.transpose(split, [3, 2, 0, 1, 4]), [out, cin, h, w]);
  }
  const inner = paddedChannels(cin, block);
  const padded = padTo(b, kernel, [h, w, inner, out]);
  const split = b.reshape(padded, [h, w, inner / block, block, out / block, block]);
  return b.reshape(b.transpose(split, [4, 2, 0, 1, 3, 5]), [out, inner, h, w]);
}

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

/** The kernel with each output channel scaled; the scale is padded, the kernel is not. */
function scaledKernel(b: Builder, kernel: string, scale: ConvOptions['scale']): string {
  if (scale === undefined || scale === 1) return kernel;
  const shape = b.shapeOf(kernel);
  const factor = typeof scale === 'number' ? b.floats([scale], []) : sliceTo(b, scale, [shape[3]!]);
  return b.emit('Mul', [kernel, factor], { shape });
}

/** dy blocked → the gradient of the input, blocked. Undefined for geometries that need another way. */
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
  // Only a plain sum can be interleaved; what else is to be fused comes after it.
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
 * Along one axis: row s·i + p of the gradient is the sum over taps k ≡ p + pad (mod s) of dy at i + (p + pad − k)/s.
 * Undefined if the rows do not divide into equal phases, or a phase starts inside dy.
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

/** x and dy blocked (x may be [N,C,H,W] with few channels) → the gradient of the kernel, [H,W,in,out]. */
export function kernelGradient(b: Builder, x: string, dy: string, geometry: Geometry, block: number): string {
  const { input, output, kernel, strides, dilations, pads } = geometry;
  const [, h, w, cin] = input as [number, number, number, number];
  const [, oh, ow, cout] = output as [number, number, number, number];
  const [kh, kw] = kernel as [number, number];
  if (
    kh * kw === 1 &&
    pads.every((pad) => pad === 0) &&
    (oh * ow) % block === 0 &&
    b.shapeOf(x)[1]! >= block
  ) {
    return pointwiseGradient(b, x, dy, geometry, block);
  }
  // The outcome has one row for each tap; rows that the stride never reaches come after them.
  const axis = (size: number, out: number, stride: number, k: number, dilation: number, pad: number) => {
    const extent = stride * (out - 1) + 1;
    const after = Math.max(0, dilation * (k - 1) + extent - size - pad);
    return { after, found: Math.floor((size + pad + after - extent) / dilation) + 1 };
  };
  const rows = axis(h, oh, strides[0], kh, dilations[0], pads[0]);
  const columns = axis(w, ow, strides[1], kw, dilations[1], pads[1]);
  const out = paddedChannels(cout, block);
  // Zeros are written out, for the engine is slow at the edges of so small an outcome.
  const padded = padPositions(b, x, [pads[0], pads[1], rows.after, columns.after], block);
  const images = channelsAsImages(b, padded, block);
  const filter = gradientAsKernel(b, dy, block);
  const channels = b.shapeOf(images)[0]!;
  const conv = b.emit('Conv', [images, filter], {
    shape: [channels, out, rows.found, columns.found],
    domain: nchwc,
    attributes: { kernel_shape: [oh, ow], strides: dilations, dilations: strides },
  });
  const split = b.reshape(conv, [channels, out / block, rows.found, columns.found, block]);
  const taps = sliceOf(b, split, [0, 0, 0, 0, 0], [cin, out / block, kh, kw, block]);
  const ordered = b.reshape(b.transpose(taps, [2, 3, 0, 1, 4]), [kh, kw, cin, out]);
  return sliceTo(b, ordered, [kh, kw, cin, cout]);
}

/**
 * A 1×1 kernel's gradient is a product of matrices, xᵀ·dy, and a 1×1 convolution computes it fastest: positions
 * play the channels, the channels of x the positions.
 */
function pointwiseGradient(b: Builder, x: string, dy: string, geometry: Geometry, block: number): string {
  const { output, kernel, strides } = geometry;
  const [, , cin, cout] = kernel as [number, number, number, number];
  const [, oh, ow] = output as [number, number, number];
  const seen = everyNth(b, x, strides, [oh, ow], block);
  const [n, c] = b.shapeOf(seen) as [number, number];
  const out = paddedChannels(cout, block);
  const size = oh * ow;
  // Reordering positions as if they were channels makes the blocks that are wanted.
  const rows = fromBlocked(b, seen, [n, oh, ow, c], block);
  const tiles = b.emit('ReorderInput', [b.reshape(rows, [1, n * size, c, 1])], {
    shape: [1, n * size, c, 1],
    domain: nchwc,
  });
  const filter = b.transpose(b.reshape(dy, [n, out / block, size * block]), [1, 0, 2]);
  const conv = b.emit(
    'Conv',
    [b.reshape(tiles, [1, n * size, 1, c]), b.reshape(filter, [out, n * size, 1, 1])],
    {
      shape: [1, out, 1, c],
      domain: nchwc,
      attributes: { kernel_shape: [1, 1] },
    },
  );
  const ordered = b.transpose(b.reshape(conv, [out / block, c, block]), [1, 0, 2]);
  return sliceTo(b, b.reshape(ordered, [1, 1, c, out]), [1, 1, cin, cout]);
}

/** The rows and columns of a blocked tensor that a stride keeps. */
function everyNth(
  b: Builder,
  x: string,
  strides: readonly number[],
  [oh, ow]: readonly number[],
  block: number,
): string {
  if (strides.every((stride) => stride === 1)) return x;
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  const split = b.reshape(x, [(n * c) / block, h, w, block]);
  const inputs = [split, b.int64s([0, 0]), b.int64s([h, w]), b.int64s([1, 2]), b.int64s(strides)];
  return b.reshape(b.emit('Slice', inputs, { shape: [(n * c) / block, oh!, ow!, block] }), [n, c, oh!, ow!]);
}

/** Zeros [top, left, bottom, right] around the positions of a blocked (or [N,C,H,W]) tensor. */
function padPositions(b: Builder, x: string, pads: readonly number[], block: number): string {
  if (pads.every((pad) => pad === 0)) return x;
  const [n, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  const inner = c < block ? 1 : block;
  const [top, left, bottom, right] = pads as [number, number, number, number];
  const [rows, columns] = [h + top + bottom, w + left + right];
  const outer = (n * c) / inner;
  const split = b.reshape(x, [outer, h, w, inner]);
  const amounts = b.int64s([0, top, left, 0, 0, bottom, right, 0]);
  return b.reshape(b.emit('Pad', [split, amounts], { shape: [outer, rows, columns, inner] }), [
    n,
    c,
    rows,
    columns,
  ]);
}

/** x → [C, N, H, W] with blocks of images: each channel becomes an image, each image a channel. */
function channelsAsImages(b: Builder, x: string, block: number): string {
  const [, c, h, w] = b.shapeOf(x) as [number, number, number, number];
  const padded = padImages(b, x, block);
  const n = b.shapeOf(padded)[0]!;
  const size = sizeOf([c, h, w]);
  const flat = b.reshape(padded, [1, n, size, 1]);
  const blocked = b.emit('ReorderInput', [flat], { shape: [1, n, size, 1], domain: nchwc });
  if (c < block) {
    const split = b.reshape(blocked, [n / block, c, h * w, block]);
    return b.reshape(b.transpose(split, [1, 0, 2, 3]), [c, n, h, w]);
  }
  const split = b.reshape(blocked, [n / block, c / block, h * w, block, block]);
  return b.reshape(b.transpose(split, [1, 3, 0, 2, 4]), [c, n, h, w]);
}

/** dy → blocks [out/B, N/B, H, W, B images, B channels], declared [out, N, H, W]. */
function gradientAsKernel(b: Builder, dy: string, block: number): string {
  const padded = padImages(b, dy, block);
  const [n, c, h, w] = b.shapeOf(padded) as [number, number, number, number];
  const split = b.reshape(padded, [n / block, block, c / block, h * w, block]);
  return b.reshape(b.transpose(split, [2, 0, 3, 1, 4]), [c, n, h, w]);
}

function padImages(b: Builder, x: string, block: number): string {
  const [n, ...rest] = b.shapeOf(x);
  return padTo(b, x, [paddedChannels(n!, block), ...rest]);
}
