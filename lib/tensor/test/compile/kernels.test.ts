import { tf } from '../../src/engines/index.js';
import { type KernelCase, kernelCases } from './kernelCases.js';
import { checkStep, sample } from './support.js';

/** On a CPU only: WGSL leaves open what becomes of NaN in a comparison. */
const notNumbers: KernelCase[] = [
  [
    'NaN through activations, clips and comparisons',
    (x: tf.Tensor, y: tf.Tensor) => [
      ...[tf.relu(x), tf.relu6(x), tf.step(x), tf.elu(x), tf.clipByValue(x, -1, Infinity)],
      ...[tf.maximum(x, y), tf.minimum(x, y), tf.maximum(0, x)],
      ...[tf.greater(x, y), tf.lessEqual(x, y), tf.notEqual(x, y), tf.where(tf.greater(x, 0), x, y)],
    ],
    () => [tf.tensor1d([NaN, 1, NaN, -2, Infinity]), tf.tensor1d([2, NaN, NaN, 3, 0])],
  ],
  ...[0, 5, 31, 40, 63].map((at): KernelCase => [
    `NaN in reductions, at ${at} of 64`,
    (x: tf.Tensor) => [
      ...[tf.max(x), tf.max(x, 0), tf.max(x, 1), tf.max(x, 1, true)],
      ...[tf.min(x), tf.min(x, 0), tf.min(x, 1), tf.min(x, [0, 1], true)],
      ...[tf.argMax(x, 1), tf.argMin(x, 0), tf.logSumExp(x, 1)],
    ],
    () => [
      tf.tensor2d(
        sample([64])
          .dataSync()
          .map((value, i) => (i === at ? NaN : value)),
        [2, 32],
      ),
    ],
  ]),
  [
    'extremes of both infinities',
    (x: tf.Tensor) => [tf.max(x), tf.min(x), tf.max(x, 0), tf.min(x, 1)],
    () => [tf.tensor2d([-Infinity, Infinity, 3, 3e38, -3e38, Infinity], [2, 3])],
  ],
];

describe('compile: each kernel as eager tfjs', () => {
  before(() => tf.setBackend('cpu'));
  for (const [name, step, args] of [...kernelCases, ...notNumbers])
    it(name, () => checkStep(step, args(), 1e-6, name));
});
