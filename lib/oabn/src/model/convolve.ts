/**
 * Grouped convolutions and the activations of other families, built from operations that every engine
 * compiles, gradients included.
 *
 * - Few groups: each group's channels are convolved by themselves and concatenated again.
 * - Depthwise, one channel a group: Σ over the taps of the shifted image times that tap's weights. With a
 *   stride, only the pixels that count are computed.
 */
import { check } from 'oabn-base';
import { tf } from 'tfjs-native';
import type { Activation, Gate } from './operations.js';

/** The stride and the groups of a convolution; both default to 1. */
export interface ConvolveOptions {
  /** Default 1. */
  readonly stride?: number;
  /** Default 1. */
  readonly groups?: number;
}

/**
 * x [N,H,W,C] with a kernel [h,w,C/groups,out], padded with (side − 1)/2 zeros →
 * [N,⌈H/stride⌉,⌈W/stride⌉,out].
 */
export function convolve(
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { stride = 1, groups = 1 }: ConvolveOptions = {},
): tf.Tensor4D {
  const [height, width, inPerGroup, out] = kernel.shape;
  if (groups === 1) return tf.conv2d(x, kernel, stride, paddingOf(height, width) as number);
  if (inPerGroup === 1) return depthwise(repeated(x, out / groups), kernel, stride);
  const inputs = tf.split<tf.Tensor4D>(x, groups, 3);
  const kernels = tf.split<tf.Tensor4D>(kernel, groups, 3);
  return tf.concat4d(
    inputs.map((part, i) => convolve(part, kernels[i]!, { stride })),
    3,
  );
}

/**
 * The same on both sides; given for each axis where the kernel is not square, which tfjs's type of `conv2d`
 * does not allow for. @throws UserError for kernels of an even side, which have no centre
 */
function paddingOf(height: number, width: number): number | tf.backend_util.ExplicitPadding {
  const [rows, columns] = [(height - 1) / 2, (width - 1) / 2];
  check(
    Number.isInteger(rows) && Number.isInteger(columns),
    `A kernel of ${height}×${width} has no centre; sides must be odd`,
  );
  return rows === columns
    ? rows
    : [
        [0, 0],
        [rows, rows],
        [columns, columns],
        [0, 0],
      ];
}

/** Each channel `times` times, side by side. */
function repeated(x: tf.Tensor4D, times: number): tf.Tensor4D {
  if (times === 1) return x;
  const [n, height, width, channels] = x.shape;
  const copies = tf.tile(tf.reshape(x, [n * height * width * channels, 1]), [1, times]);
  return tf.reshape(copies, [n, height, width, channels * times]);
}

function depthwise(x: tf.Tensor4D, kernel: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  const [kh, kw] = kernel.shape;
  const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  const [top, left] = [(kh - 1) / 2, (kw - 1) / 2];
  // Enough that each tap, wherever it is in the kernel, finds a whole grid of `stride` steps.
  const after = (out: number, before: number, side: number, size: number): number =>
    Math.max(0, side - 1 + out * stride - before - size);
  const padded = tf.pad(x, [
    [0, 0],
    [top, after(rows, top, kh, height)],
    [left, after(columns, left, kw, width)],
    [0, 0],
  ]);
  const weights = tf.reshape(kernel, [kh, kw, channels]);
  let sum: tf.Tensor4D | undefined;
  for (let ky = 0; ky < kh; ky++) {
    for (let kx = 0; kx < kw; kx++) {
      const seen = tf.slice(padded, [0, ky, kx, 0], [n, rows * stride, columns * stride, channels]);
      const pixels = everyNth(seen, stride);
      const weight = tf.reshape(tf.slice(weights, [ky, kx, 0], [1, 1, channels]), [channels]);
      const product = tf.mul(pixels, weight) as tf.Tensor4D;
      sum = sum ? tf.add(sum, product) : product;
    }
  }
  return sum!;
}

/** Every `stride`-th row and column, from the first on, of sides that `stride` divides. */
function everyNth(x: tf.Tensor4D, stride: number): tf.Tensor4D {
  if (stride === 1) return x;
  const [n, height, width, channels] = x.shape;
  const [rows, columns] = [height / stride, width / stride];
  const evenRows = tf.slice(
    tf.reshape(x, [n, rows, stride * width * channels]),
    [0, 0, 0],
    [n, rows, width * channels],
  );
  const both = tf.slice(
    tf.reshape(evenRows, [n * rows, columns, stride * channels]),
    [0, 0, 0],
    [n * rows, columns, channels],
  );
  return tf.reshape(both, [n, rows, columns, channels]);
}

/** An activation, element by element. */
export function activate<T extends tf.Tensor>(x: T, of: Activation): T {
  switch (of) {
    case 'relu':
      return tf.relu(x);
    case 'relu6':
      return tf.relu6(x);
    case 'gelu':
      return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
    case 'hardSwish':
      return tf.mul(x, hardSigmoid(x));
    default:
      return of satisfies never;
  }
}

/** Factors in [0, 1]. */
export function gateOf<T extends tf.Tensor>(x: T, gate: Gate): T {
  return gate === 'sigmoid' ? tf.sigmoid(x) : hardSigmoid(x);
}

/** min(max(x + 3, 0), 6)/6 */
function hardSigmoid<T extends tf.Tensor>(x: T): T {
  return tf.div(tf.clipByValue(tf.add(x, 3), 0, 6), 6);
}
