/**
 * The gradient of a convolution's kernel is a convolution too, in which images and channels exchange their roles:
 * the channels of the input become images with N channels, dy becomes a kernel that is as large as an image, and
 * the outcome is [in, out, H, W] with the size of the kernel. A stride becomes a dilation.
 */
import { sizeOf } from '../ir.js';
import { type Builder, nchwc } from './builder.js';
import type { Geometry } from './filter.js';
import { fromBlocked, paddedChannels, padTo, sliceOf, sliceTo } from './layout.js';

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
