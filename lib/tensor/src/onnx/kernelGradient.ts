/**
 * The gradient of a convolution's kernel is a convolution too, in which images play the channels and dy is a
 * kernel as large as an image:
 *
 *     ∂w[i, j, c, o] = Σ over images n and positions (p, q) of x[n, s·p + d·i, s·q + d·j, c] · dy[n, p, q, o]
 *
 * With the images of x side by side, as [N/B, H, W·C, B], a step of one column is C positions, so a kernel
 * [H', W'] that is dilated by s·C columns finds all taps and channels as its rows [kh, kw·C]: long rows,
 * which the engine computes at its full rate, and no tap needs its own copy of x. A stride becomes a
 * dilation, a dilation a stride.
 */
import { type Geometry, type Shape, sizeOf } from '../ops/index.js';
import { type Builder, nchwc } from './builder.js';
import { fromBlocked, paddedChannels, padTo, sliceOf, sliceTo } from './layout.js';
import { transposeRows } from './transposeRows.js';

/** x and dy blocked (x may be [N,C,H,W] with few channels) → the gradient of the kernel, [H,W,in,out]. */
export function kernelGradient(b: Builder, x: string, dy: string, geometry: Geometry, block: number): string {
  const { input, output, kernel, strides, dilations, pads } = geometry;
  const [, h, w, cin] = input as [number, number, number, number];
  const [, oh, ow, cout] = output as [number, number, number, number];
  const [kh, kw] = kernel as [number, number];
  const pointwise = kh * kw === 1 && pads.every((pad) => pad === 0);
  if (pointwise && (oh * ow) % block === 0 && b.shapeOf(x)[1]! >= block) {
    return pointwiseGradient(b, x, dy, geometry, block);
  }
  // Rows beyond the image are skipped by the engine; columns are written out, exactly as many as the taps
  // see.
  const extent = (taps: number, out: number, axis: 0 | 1): number =>
    strides[axis] * (out - 1) + dilations[axis] * (taps - 1) + 1;
  const bottom = Math.max(0, extent(kh, oh, 0) - pads[0] - h);
  const rows = Math.floor((pads[0] + h + bottom - extent(1, oh, 0)) / dilations[0]) + 1;
  const width = extent(kw, ow, 1);
  const images = imagesInnermost(b, x, block, pads[1], width - pads[1] - w);
  const [blocks, , , c] = b.shapeOf(images) as [number, number, number, number];
  const taps = dilations[1] * (kw - 1) + 1;

  const out = paddedChannels(cout, block);
  const groups = groupsOf(blocks, rows * Math.ceil(out / block / 4));
  const conv = b.emit(
    'Conv',
    [b.reshape(images, [1, blocks * block, h, width * c]), gradientAsKernel(b, dy, groups, block)],
    {
      shape: [1, groups * out, rows, taps * c],
      domain: nchwc,
      attributes: {
        kernel_shape: [oh, ow],
        strides: [dilations[0], 1],
        dilations: [strides[0], strides[1] * c],
        pads: [pads[0], 0, bottom, 0],
        group: groups,
      },
    },
  );
  const total = sumOfGroups(b, b.reshape(conv, [groups, out / block, rows, taps, c, block]));
  const kept = sliceTo(b, everyNthColumn(b, total, dilations[1]), [out / block, kh, kw, cin, block]);
  const ordered = b.reshape(transposeRows(b, kept, [1, 2, 3, 0, 4]), [kh, kw, cin, out]);
  return sliceTo(b, ordered, [kh, kw, cin, cout]);
}

/** There should be at least this many pieces of work for the engine's threads. */
const fewestPieces = 16;

/**
 * In how many groups of images the sum is computed. The engine divides a convolution by rows of its result
 * and by four blocks of channels, which are few here; the number of threads plays no part, so that it does
 * not change the sums.
 */
function groupsOf(blocks: number, pieces: number): number {
  const divisors = Array.from({ length: blocks }, (_, i) => i + 1).filter((n) => blocks % n === 0);
  return divisors.find((n) => n * pieces >= fewestPieces) ?? blocks;
}

function sumOfGroups(b: Builder, x: string): string {
  const [groups, ...shape] = b.shapeOf(x);
  if (groups === 1) return b.reshape(x, shape);
  return b.emit('ReduceSum', [x, b.int64s([0])], { shape, attributes: { keepdims: 0 } });
}

/** Of [out/B, rows, columns, C, B]. */
function everyNthColumn(b: Builder, x: string, n: number): string {
  if (n === 1) return x;
  const [blocks, rows, columns, c, block] = b.shapeOf(x) as [number, number, number, number, number];
  const inputs = [x, b.int64s([0]), b.int64s([columns]), b.int64s([2]), b.int64s([n])];
  return b.emit('Slice', inputs, { shape: [blocks, rows, Math.ceil(columns / n), c, block] });
}

/**
 * x → [N/B, H, W, C, B], images side by side, with columns of zeros before and after each row; a negative
 * number takes columns away.
 */
function imagesInnermost(b: Builder, x: string, block: number, before: number, after: number): string {
  const padded = padImages(b, x, block);
  const [n, c, h, w] = b.shapeOf(padded) as [number, number, number, number];
  const size = sizeOf([c, h, w]);
  const flat = b.reshape(padded, [1, n, size, 1]);
  const blocked = b.emit('ReorderInput', [flat], { shape: [1, n, size, 1], domain: nchwc });
  const inner = c < block ? 1 : block;
  const planes = (n / block) * (c / inner);
  const whole = padColumns(
    b,
    b.reshape(blocked, [planes, block, h, w * inner]),
    before * inner,
    after * inner,
  );
  const columns = w + before + after;
  const split = b.reshape(whole, [n / block, c / inner, h * columns, inner * block]);
  const moved = c === inner ? split : transposeRows(b, split, [0, 2, 1, 3]);
  return b.reshape(moved, [n / block, h, columns, c, block]);
}

/**
 * Columns of zeros around one block of channels [N,B,H,W]; a negative number takes columns away. A
 * convolution with ones pads as it goes, on all threads, where the engine's Pad is the work of one.
 */
function padColumns(b: Builder, x: string, before: number, after: number): string {
  if (before === 0 && after === 0) return x;
  const [n, block, h, w] = b.shapeOf(x) as [number, number, number, number];
  const shape = [n, block, h, w + before + after];
  if (before >= 0 && after >= 0) {
    const ones = b.floats(new Float32Array(block).fill(1), [block, 1, 1, 1]);
    const attributes = { kernel_shape: [1, 1], group: block, pads: [0, before, 0, after] };
    return b.emit('Conv', [x, ones], { shape, domain: nchwc, attributes });
  }
  const rows = b.reshape(x, [n * h, w, block]);
  const kept: Shape = [n * h, w + before + after, block];
  if (before === 0) return b.reshape(sliceOf(b, rows, [0, 0, 0], kept), shape);
  const padded = b.emit('Pad', [rows, b.int64s([0, before, 0, 0, after, 0])], { shape: kept });
  return b.reshape(padded, shape);
}

/** dy → [groups, out/B, N/B/groups, H, W, B images, B channels], declared [groups·out, N/groups, H, W]. */
function gradientAsKernel(b: Builder, dy: string, groups: number, block: number): string {
  const padded = padImages(b, dy, block);
  const [n, c, h, w] = b.shapeOf(padded) as [number, number, number, number];
  const split = b.reshape(padded, [groups, n / block / groups, block, c / block, h * w, block]);
  return b.reshape(transposeRows(b, split, [0, 3, 1, 4, 2, 5]), [groups * c, n / groups, h, w]);
}

function padImages(b: Builder, x: string, block: number): string {
  const [n, ...rest] = b.shapeOf(x);
  return padTo(b, x, [paddedChannels(n!, block), ...rest]);
}

/**
 * A 1×1 kernel's gradient is a product of matrices, xᵀ·dy, and a 1×1 convolution computes it fastest:
 * positions play the channels, the channels of x the positions.
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
  const filter = transposeRows(b, b.reshape(dy, [n, out / block, size * block]), [1, 0, 2]);
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
