/**
 * What training, quantization and evaluation ask of a backend: small functions with their inputs, whose
 * results are compared between backends. Every gradient that the library takes occurs here.
 */
import { random } from 'oabn-base';
import { tf } from '../../src/engines/index.js';

export interface Host {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly data: readonly number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Standard normal numbers that are a function of `seed`. */
export function normal(shape: readonly number[], seed: number): Host {
  const { normal: next } = random(seed);
  return { shape, dtype: 'float32', data: Array.from({ length: sizeOf(shape) }, () => Math.fround(next())) };
}

/** Whole numbers in [0, n). */
export function whole(shape: readonly number[], n: number, seed: number): Host {
  const { integer } = random(seed);
  return { shape, dtype: 'int32', data: Array.from({ length: sizeOf(shape) }, () => integer(n)) };
}

export interface Case {
  readonly name: string;
  readonly inputs: readonly Host[];
  readonly compute: (...inputs: tf.Tensor[]) => tf.Tensor[];
}

type Pads = tf.backend_util.ExplicitPadding;
const padding = (n: number): Pads => [
  [0, 0],
  [n, n],
  [n, n],
  [0, 0],
];

/** A function's value and gradients, the gradient of Σ y²/2 as it flows back from all outputs. */
function withGradients(f: (...inputs: tf.Tensor[]) => tf.Tensor): Case['compute'] {
  const loss = (...inputs: tf.Tensor[]): tf.Tensor => tf.mul(tf.sum(tf.square(f(...inputs))), 0.5);
  return (...inputs) => [f(...inputs), ...tf.grads(loss)(inputs)];
}

function convolution(stride: number, kernel: number, side: number): Case {
  const pad = kernel === 1 ? 'valid' : padding(1);
  return {
    name: `convolution ${kernel}×${kernel} stride ${stride} on ${side}×${side}`,
    inputs: [normal([3, side, side, 5], 1), normal([kernel, kernel, 5, 8], 2)],
    compute: withGradients((x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad)),
  };
}

/** Batch norm with batch statistics, as a training step has it. */
function batchNorm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, [0, 1, 2]));
  const variance = tf.mean(tf.square(centred), [0, 1, 2]);
  return tf.add(tf.mul(centred, tf.mul(gamma, tf.rsqrt(tf.add(variance, 1e-3)))), beta);
}

const block: Case = {
  name: 'a block of three branches with batch norm',
  inputs: [
    normal([4, 6, 6, 8], 1),
    normal([3, 3, 8, 8], 2),
    normal([1, 1, 8, 8], 3),
    normal([8], 4),
    normal([8], 5),
  ],
  compute: withGradients((x, w3, w1, gamma, beta) => {
    const conv = (w: tf.Tensor, pad: 'valid' | Pads): tf.Tensor =>
      tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, pad);
    const branches = [conv(w3!, padding(1)), conv(w1!, 'valid'), x!];
    return tf.relu(tf.addN(branches.map((branch) => batchNorm(branch, gamma!, beta!))));
  }),
};

const head: Case = {
  name: 'pooling, linear layer, softmax and cross entropy',
  inputs: [normal([6, 4, 4, 12], 1), normal([12, 10], 2), normal([10], 3), whole([6], 10, 4)],
  compute: (x, w, bias, labels) => {
    const loss = (x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor): tf.Tensor => {
      const logits = tf.add(tf.matMul(tf.mean(x, [1, 2]) as tf.Tensor2D, w as tf.Tensor2D), bias);
      const target = tf.oneHot(tf.cast(labels!, 'int32') as tf.Tensor1D, 10, 0.91, 0.01, 'float32');
      return tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), -1)));
    };
    const { value, grads } = tf.valueAndGrads(loss)([x!, w!, bias!]);
    return [value, ...grads];
  },
};

const quantization: Case = {
  name: 'rounding, clipping and their gradients',
  inputs: [normal([9, 7], 1)],
  compute: withGradients((x) => {
    const scaled = tf.div(x!, tf.add(tf.max(tf.abs(x!)), 0.1));
    const clipped = tf.clipByValue(tf.mul(scaled, 3), -1, 2);
    const bounded = tf.minimum(tf.maximum(x!, -0.5), 1);
    return tf.add(clipped, tf.add(bounded, tf.mul(x!, tf.round(clipped))));
  }),
};

const clustering: Case = {
  name: 'assigning weights to clusters',
  inputs: [normal([300], 1)],
  compute: (w) => {
    const centroids = tf.tensor1d([-1.5, -0.4, 0.1, 0.9, 2]);
    const middles = tf.div(tf.add(tf.slice(centroids, 0, 4), tf.slice(centroids, 1, 4)), 2);
    const cluster = tf.reshape(tf.searchSorted(middles, w!), [-1]);
    const counts = tf.denseBincount(cluster as tf.Tensor1D, [], 5);
    const sums = tf.denseBincount(cluster as tf.Tensor1D, w as tf.Tensor1D, 5);
    const { values, indices } = tf.topk(tf.abs(w!), 7);
    return [cluster, tf.gather(centroids, cluster as tf.Tensor1D), counts, sums, values, indices];
  },
};

const lookup: Case = {
  name: 'gradients of lookups, extremes and sums',
  inputs: [normal([6, 4], 1), whole([9], 6, 2)],
  compute: (x, indices) => {
    const gathered = (x: tf.Tensor): tf.Tensor => tf.gather(x, indices as tf.Tensor1D);
    const spread = withGradients((x) => tf.mul(tf.sum(x!, 0), tf.mean(x!, 1, true)));
    return [
      ...withGradients((x) => gathered(x!))(x!),
      ...spread(x!),
      tf.max(x!, 1),
      tf.min(x!),
      tf.argMax(x!, 1),
    ];
  },
};

const selection: Case = {
  name: 'choosing and moving data',
  inputs: [normal([5, 6], 1), normal([5, 6], 2)],
  compute: (x, y) => [
    tf.where(tf.greater(x!, y!), x!, 0),
    tf.concat([x!, y!], 1),
    tf.slice(x!, [1, 2], [3, 3]),
    tf.broadcastTo(tf.slice(x!, [0, 0], [1, 6]), [5, 6]),
    tf.transpose(x!),
    tf.pad(x!, [
      [1, 0],
      [0, 2],
    ]),
    tf.cast(tf.equal(tf.round(x!), tf.round(y!)), 'float32'),
  ],
};

export const cases: readonly Case[] = [
  ...[
    convolution(1, 3, 7),
    convolution(2, 3, 7),
    convolution(2, 3, 8),
    convolution(1, 1, 6),
    convolution(2, 1, 7),
  ],
  ...[block, head, quantization, clustering, lookup, selection],
];

/** The results of a case on the backend that tfjs uses now. */
export async function resultsOf({ compute, inputs }: Case): Promise<Host[]> {
  const tensors = inputs.map(({ data, shape, dtype }) => tf.tensor([...data], [...shape], dtype));
  const outputs = tf.tidy(() => compute(...tensors));
  const hosts: Host[] = [];
  for (const output of outputs) {
    hosts.push({ shape: output.shape, dtype: output.dtype, data: [...(await output.data())] });
  }
  tf.dispose([...tensors, ...outputs]);
  return hosts;
}

/**
 * The largest |actual − expected| / (1 + max|expected|) over all results; Infinity for other shapes or types.
 */
export function difference(actual: readonly Host[], expected: readonly Host[]): number {
  let largest = actual.length === expected.length ? 0 : Infinity;
  expected.forEach((wanted, i) => {
    const result = actual[i];
    const alike = result?.dtype === wanted.dtype && result.shape.join() === wanted.shape.join();
    if (!alike) largest = Infinity;
    const size =
      1 + wanted.data.reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0);
    wanted.data.forEach((y, j) => {
      const x = result?.data[j] ?? Number.NaN;
      if (Object.is(x, y) || x === y) return;
      const off = Math.abs(x - y) / size;
      largest = Math.max(largest, Number.isNaN(off) ? Infinity : off);
    });
  });
  return largest;
}
