import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from 'oabn-base';
import { tf } from '../../src/engines/index.js';
import { compile } from '../../src/index.js';
import { checkStep, sample } from './support.js';

type Maps = Record<string, (y: tf.Tensor4D, x: tf.Tensor4D, v: tf.Tensor1D) => tf.Tensor | tf.Tensor[]>;

/** What happens to an activation y after a convolution, while it lies in the engine's blocked layout. */
const afterConvolution: Maps = {
  'relu of a normalized sum': (y, x, v) => tf.relu(tf.add(tf.mul(y, v), tf.sub(x, tf.mean(x, [0, 1, 2])))),
  'sum of equal terms': (y) => tf.sub(tf.add(y, y), tf.mul(y, 3)),
  'a scaled sum, read twice': (y, x, v) => {
    const sum = tf.add(tf.mul(y, v), x);
    return [tf.square(sum), tf.relu(sum), tf.add(sum, 1)];
  },
  'quotient by channels': (y, _x, v) => tf.div(y, tf.add(v, 2)),
  'quotient by numbers': (y) => tf.div(y, 4),
  'quotient of activations': (y, x) => tf.div(y, tf.add(tf.abs(x), 1)),
  'mean and variance': (y) => {
    const mean = tf.mean(y, [0, 1, 2]);
    return [mean, tf.mean(tf.squaredDifference(y, mean), [0, 1, 2]), tf.sum(tf.mul(y, 2), [0, 1, 2])];
  },
  pooling: (y) => [tf.mean(y, [1, 2]), tf.sum(y, [1, 2]), tf.mean(y, [1, 2], true)],
  'other reductions': (y) => [
    tf.max(y),
    tf.min(y),
    tf.sum(tf.square(y)),
    tf.mean(tf.abs(y)),
    tf.max(y, 3),
    tf.sum(y, [0]),
  ],
  'one number per image and channel': (y, x) => tf.mul(y, tf.mean(x, [1, 2], true)),
  'one row for all images': (y, x) => tf.add(y, tf.slice(x, [0, 0, 0, 0], [1, 1, -1, -1])),
  'one map for all channels': (y, x) => tf.mul(y, tf.mean(x, 3, true)),
  'comparison and choice': (y, x, v) => tf.where(tf.greater(y, tf.mul(x, v)), y, tf.zerosLike(y)),
  'equality as a mask': (y) => tf.mul(y, tf.cast(tf.equal(y, tf.clipByValue(y, -1, 1)), 'float32')),
  'a comparison as result': (y) => tf.less(y, 0),
  'fake quantization': (y) => {
    const scale = tf.div(tf.sub(tf.max(y), tf.min(y)), 15);
    const zero = tf.round(tf.div(tf.neg(tf.min(y)), scale));
    return tf.mul(tf.sub(tf.clipByValue(tf.add(tf.round(tf.div(y, scale)), zero), 0, 15), zero), scale);
  },
  exponentials: (y, x) => [
    tf.exp(y),
    tf.log(tf.add(tf.abs(y), 1)),
    tf.rsqrt(tf.add(tf.abs(x), 1)),
    tf.sigmoid(y),
  ],
  'reshape and transpose': (y) => [tf.reshape(y, [-1, 4]), tf.transpose(y, [3, 0, 1, 2])],
  'two convolutions and a sum': (y, x) =>
    tf.relu(tf.add(tf.conv2d(x, sample([1, 1, x.shape[3], y.shape[3]], 8) as tf.Tensor4D, 1, 0), y)),
  'a negative': (y, x) => tf.neg(tf.sub(x, y)),
};

const convolve = (x: tf.Tensor4D, w: tf.Tensor4D): tf.Tensor4D => tf.conv2d(x, w, 1, 1);

describe('compile: activations', () => {
  before(() => tf.setBackend('cpu'));

  for (const channels of [16, 12]) {
    for (const [name, map] of Object.entries(afterConvolution)) {
      it(`${name}, ${channels} channels`, () => {
        const step = (x: tf.Tensor4D, w: tf.Tensor4D, v: tf.Tensor1D) => map(convolve(x, w), x, v);
        const args = [
          sample([2, 4, 4, channels], 1),
          sample([3, 3, channels, channels], 2),
          sample([channels], 3),
        ];
        // Sums that end where rounding decides (choices, levels) are compared loosely by their neighbours'
        // values.
        return checkStep(step, args, 2e-5, name);
      });
    }
  }

  for (const channels of [16, 12]) {
    it(`a number that is none, ${channels} channels`, () => {
      const step = (x: tf.Tensor4D, w: tf.Tensor4D) => {
        const y = convolve(x, w);
        return [tf.relu(y), tf.relu(tf.add(tf.mul(y, 2), x)), tf.clipByValue(y, -1, 1), tf.max(y), tf.min(y)];
      };
      const x = sample([2, 4, 4, channels], 1).dataSync().slice();
      x[3 * channels + 5] = NaN;
      const args = [tf.tensor(x, [2, 4, 4, channels]), sample([3, 3, channels, channels], 2)];
      return checkStep(step, args, 2e-5);
    });
  }

  it('convolutions and their gradients, any geometry', async function () {
    this.timeout(300_000);
    const geometry = fc.record({
      images: fc.integer({ min: 1, max: 18 }),
      size: fc.integer({ min: 3, max: 9 }),
      cin: fc.constantFrom(1, 3, 8, 16, 20),
      cout: fc.constantFrom(1, 5, 16, 24),
      kernel: fc.constantFrom(1, 2, 3, 5),
      stride: fc.constantFrom(1, 2, 3),
      pad: fc.constantFrom<('same' | 'valid' | number)[]>('same', 'valid', 0, 1),
    });
    await fc.assert(
      fc.asyncProperty(geometry, async ({ images, size, cin, cout, kernel, stride, pad }) => {
        fc.pre(kernel <= size);
        const f = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
          tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad);
        const step = (x: tf.Tensor, w: tf.Tensor): tf.Tensor[] => {
          const y = f(x, w);
          return [y, ...tf.grads(f)([x, w], tf.relu(y))];
        };
        await checkStep(step, [sample([images, size, size, cin]), sample([kernel, kernel, cin, cout])], 2e-5);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  for (const [what, kernel, strides, pad] of [
    ['a wide kernel', [1, 2], [1, 1], 0],
    ['strides that differ', [2, 3], [3, 2], 2],
  ] as const) {
    it(`a convolution and its gradients with ${what}, padded by a number`, () => {
      const f = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [...strides], pad);
      const step = (x: tf.Tensor, w: tf.Tensor): tf.Tensor[] => [f(x, w), ...tf.grads(f)([x, w])];
      return checkStep(step, [sample([2, 4, 7, 5]), sample([...kernel, 5, 4])], 2e-5);
    });
  }

  for (const [what, kernel, reason] of [
    ['that is wider than the image', [1, 8], /a kernel \[1,8\] on images \[4,7\] .* is wider than the image/],
    ['of which tfjs leaves columns out', [3, 1], /tfjs leaves a part of the image out.*write it as/],
  ] as const) {
    it(`refuses a convolution ${what}`, () =>
      assert.rejects(
        compile(
          (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, kernel[1] === 1 ? 0 : 'valid'),
          [sample([2, 4, 7, 5]) as tf.Tensor4D, sample([...kernel, 5, 4]) as tf.Tensor4D],
        ),
        (error) => error instanceof UserError && reason.test(error.message),
      ));
  }

  it('convolutions of many channels, whose arithmetic is saved', async () => {
    const f = (x: tf.Tensor, w: tf.Tensor): tf.Tensor => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 1);
    const step = (x: tf.Tensor, w: tf.Tensor, v: tf.Tensor): tf.Tensor[] => {
      const scaled = tf.add(tf.mul(f(x, w), v), x);
      return [f(x, w), tf.relu(tf.add(f(x, tf.neg(w)), v)), scaled, ...tf.grads(f)([x, w], tf.relu(scaled))];
    };
    const args = [sample([2, 6, 5, 100], 1), sample([3, 3, 100, 100], 2), sample([100], 3)];
    await checkStep(step as never, args, 2e-5);
  });

  it('gradients of stride 2 and padding 1 on both kernel sizes', async () => {
    const f = (x: tf.Tensor, w: tf.Tensor, v: tf.Tensor): tf.Tensor =>
      tf.relu(
        tf.add(
          tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 1),
          tf.conv2d(x as tf.Tensor4D, v as tf.Tensor4D, 2, 0),
        ),
      );
    const step = (...args: tf.Tensor[]): tf.Tensor[] => tf.grads(f as never)(args);
    const args = [sample([16, 8, 8, 16], 1), sample([3, 3, 16, 32], 2), sample([1, 1, 16, 32], 3)];
    await checkStep(step as never, args, 2e-5);
  });
});
