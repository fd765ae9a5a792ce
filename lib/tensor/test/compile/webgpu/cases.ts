/** What only the GPU engine does in a way of its own, at sizes that make it do so. */
import { tf } from '../../../src/engines/index.js';
import { sample } from '../support.js';
import type { Checked } from './agree.js';

/** Far from 0, where a variance by E[x²] − E[x]² would lose all digits. */
const farAway = (): tf.Tensor => tf.add(sample([64, 8, 8, 12], 4), 300);

const none = (shape: number[]): tf.Tensor => tf.tensor([], shape);

/** One number of many is NaN. */
const withNaN = (shape: number[]): tf.Tensor => {
  const values = sample(shape, 6).dataSync().slice();
  values[values.length >> 1] = NaN;
  return tf.tensor(values, shape);
};

/** Dividends and divisors whose quotient has more digits than a float, or is below 0 or none. */
const dividends = [
  ...[5.5, -5.5, 5.5, -5.5, 1e10, -1e10, 123456.7, 1e30, 0.3, -0.3, 1e38, 3e-39],
  ...[3, Infinity, 2, -2, NaN, 1e-40, -1e-3, 16777217, 6, -6, 1e-3, 0],
];
const divisors = [
  ...[3, 3, -3, -3, 3, 7, 0.1, 3.3, 0.1, 0.1, 1e-30, 7e-40],
  ...[0, 2, Infinity, Infinity, 2, 3, 3, 2, -3, 3, 1e3, -3],
];

export const gpuCases: readonly (Checked & { readonly name: string })[] = [
  {
    name: 'mean and variance in parts, far from zero',
    step: (x: tf.Tensor) => {
      const mean = tf.mean(x, [0, 1, 2]);
      return [mean, tf.mean(tf.squaredDifference(x, mean), [0, 1, 2])];
    },
    args: () => [farAway()],
  },
  {
    name: 'mean and variance of channels that are no multiple of four',
    step: (x: tf.Tensor) => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return [mean, variance];
    },
    args: () => [sample([32, 8, 8, 5], 4)],
  },
  {
    name: 'several sums over channels with what follows from them',
    step: (x: tf.Tensor, y: tf.Tensor, v: tf.Tensor) => {
      const [p, q] = [tf.sum(tf.mul(x, y), [0, 1, 2]), tf.sum(tf.relu(tf.sub(x, v)), [0, 1, 2])];
      return [p, tf.add(tf.mul(p, v), tf.sqrt(tf.abs(q))), tf.mul(x, tf.div(q, 100))];
    },
    args: () => [sample([64, 8, 8, 8], 1), sample([64, 8, 8, 8], 2), sample([8], 3)],
  },
  {
    name: 'more values joined than a shader can bind',
    step: (x: tf.Tensor) => {
      const sums = Array.from({ length: 40 }, (_, i) => tf.sum(tf.square(tf.sub(x, i / 40)), [0, 1]));
      return [tf.stack(sums), tf.stack(sums, 1), tf.concat(sums), tf.stack(sums.map((each) => tf.sum(each)))];
    },
    args: () => [sample([30, 30, 4], 5)],
  },
  {
    name: 'smallest and largest of a large tensor',
    step: (x: tf.Tensor) => [tf.min(x), tf.max(x), tf.max(tf.abs(x)), tf.mean(x)],
    args: () => [sample([40, 16, 16, 8], 6)],
  },
  {
    name: 'NaN in a large tensor',
    step: (x: tf.Tensor) => [tf.min(x), tf.max(x), tf.max(x, 3), tf.min(x, [0, 1, 2]), tf.sum(tf.relu(x))],
    args: () => [withNaN([40, 16, 16, 8])],
  },
  {
    name: 'NaN in means and variances',
    step: (x: tf.Tensor) =>
      [[0, 1, 2], [3], [0, 1, 2, 3]].flatMap((axes) => {
        const mean = tf.mean(x, axes, true);
        return [mean, tf.mean(tf.squaredDifference(x, mean), axes, true)];
      }),
    args: () => [withNaN([40, 16, 16, 8])],
  },
  {
    name: 'NaN in casts, comparisons and functions',
    step: (x: tf.Tensor, y: tf.Tensor) => [
      ...[tf.cast(x, 'bool'), tf.cast(tf.minimum(x, 9), 'int32'), tf.pow(x, y), tf.pow(y, x), tf.pow(x, 0)],
      ...[tf.equal(x, y), tf.less(x, y), tf.greaterEqual(x, y), tf.notEqual(x, y)],
      ...[tf.log(x), tf.exp(x), tf.sigmoid(x), tf.softplus(x), tf.erf(x), tf.round(x), tf.abs(x)],
      ...[tf.isNaN(x), tf.isFinite(x), tf.isInf(x), tf.softmax(x), tf.clipByValue(x, 0, 1)],
    ],
    args: () => [
      tf.tensor1d([NaN, 1, NaN, -2, Infinity, 0, NaN, 0.5]),
      tf.tensor1d([2, NaN, NaN, 3, 0, NaN, -1, NaN]),
    ],
  },
  {
    name: 'NaN through a convolution, its bias and ReLU',
    step: (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
      tf.relu(tf.add(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'), b)),
    args: () => [withNaN([4, 8, 8, 8]), sample([3, 3, 8, 8], 2), sample([8], 3)],
  },
  {
    name: 'sums of long rows, and over the middle axis',
    step: (x: tf.Tensor) => [tf.sum(x, 1), tf.mean(tf.reshape(x, [4, 25, 12]), 1), tf.max(x, 1)],
    args: () => [sample([4, 300], 6)],
  },
  {
    name: 'a bincount of many items',
    step: (i: tf.Tensor, w: tf.Tensor) => [
      tf.denseBincount(i as tf.Tensor1D, w as tf.Tensor1D, 16),
      tf.denseBincount(i as tf.Tensor1D, tf.onesLike(w) as tf.Tensor1D, 16),
      tf.denseBincount(i as tf.Tensor1D, w as tf.Tensor1D, 300),
    ],
    args: () => [
      tf.tensor1d(
        Array.from({ length: 5000 }, (_, i) => (i * 7919) % 307),
        'int32',
      ),
      sample([5000], 3, 0, 1),
    ],
  },
  {
    name: 'an expression of more tensors than a shader binds',
    step: (...xs: tf.Tensor[]) => xs.reduce((sum, x) => tf.add(tf.mul(sum, 0.5), x)),
    args: () => Array.from({ length: 40 }, (_, i) => sample([2, 8], i)),
  },
  {
    name: 'a convolution with bias and ReLU',
    step: (x: tf.Tensor4D, w: tf.Tensor4D, b: tf.Tensor) => {
      const y = tf.add(tf.conv2d(x, w, 1, 1), b);
      return [tf.relu(y), tf.relu(tf.add(tf.conv2d(x, w, 2, 1), b))];
    },
    args: () => [sample([2, 6, 6, 4], 1), sample([3, 3, 4, 8], 2), sample([8], 3)],
  },
  {
    name: 'slices, padding and joins between kernels, four channels at a time and one by one',
    step: (x: tf.Tensor4D) => {
      const [a, b] = tf.split(x, 2, 3);
      const joined = tf.concat([tf.mul(b!, 2), a!], 3);
      const padded = tf.pad(x, [
        [0, 0],
        [1, 0],
        [0, 1],
        [0, 0],
      ]);
      return [tf.relu(joined), tf.exp(padded), tf.square(tf.slice(x, [0, 1, 0, 3], [-1, -1, -1, 5]))];
    },
    args: () => [sample([2, 3, 3, 8], 1)],
  },
  {
    name: 'mod of large quotients and of both signs, several at a time and one by one',
    step: (x: tf.Tensor, y: tf.Tensor) => [
      tf.mod(x, y),
      tf.mod(tf.slice(x, [1], [23]), tf.slice(y, [1], [23])),
    ],
    args: () => [tf.tensor1d(dividends), tf.tensor1d(divisors)],
  },
  {
    name: 'tensors without elements as arguments, between kernels and as results',
    step: (x: tf.Tensor2D, y: tf.Tensor2D) => [
      x,
      tf.mul(x, 2),
      tf.concat([x, y], 0),
      tf.slice(y, [0, 0], [0, 3]),
      tf.sum(tf.slice(y, [0, 0], [0, 3])),
      ...[tf.sum(x, 0), tf.max(x, 0), tf.mean(x, 1), tf.argMax(x, 1), tf.softmax(x), tf.transpose(x)],
      ...[
        tf.pad(x, [
          [1, 1],
          [0, 0],
        ]),
        tf.matMul(y, tf.transpose(x)),
        tf.matMul(x, x, true),
        tf.stack([x, x]),
      ],
    ],
    args: () => [none([0, 3]), sample([2, 3])],
  },
  {
    name: 'a batch without images',
    step: (x: tf.Tensor4D, w: tf.Tensor4D) => {
      const y = (images: tf.Tensor, kernel: tf.Tensor): tf.Tensor =>
        tf.relu(tf.conv2d(images as tf.Tensor4D, kernel as tf.Tensor4D, 1, 1));
      return [y(x, w), ...tf.grads(y)([x, w])];
    },
    args: () => [none([0, 4, 4, 3]), sample([3, 3, 3, 8])],
  },
];
