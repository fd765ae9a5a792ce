import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { type HostTensor, random } from 'oabn-base';
import { toTensor, toVariables } from '../../src/model/index.js';
import {
  activationTraining,
  fakeQuantizeCluster,
  fakeQuantizeStep,
  fakeQuantizeTrainedCluster,
  fakeQuantizeWeights,
  fittedStep,
  groupsOf,
  mseStep,
  quantizeValue,
  type QuantizationScheme,
  updateCentroids,
} from '../../src/quantize/index.js';
import { weightTraining } from '../../src/train/index.js';
import { assertClose } from '../golden/index.js';

const gaussian = (n: number, seed: number): Float32Array => {
  const stream = random(seed, 'weights');
  return Float32Array.from({ length: n }, () => stream.normal());
};

/** A kernel [out,in,3,3] whose channels differ in scale. */
function kernelOf(out: number, inChannels: number, seed: number): HostTensor<Float32Array> {
  const size = inChannels * 9;
  const data = gaussian(out * size, seed).map((w, i) => w * 2 ** (Math.floor(i / size) % 4));
  return { shape: [out, inChannels, 3, 3], data };
}

/** The output channel `i` of a kernel [3,3,in,out]. */
const channel = (kernel: tf.Tensor, i: number): tf.Tensor =>
  tf.slice(kernel, [0, 0, 0, i], [3, 3, kernel.shape[2]!, 1]);

describe('quantize: learned and fitted steps', () => {
  it('has the gradients of LSQ', async () => {
    // x/S = −6, −1.2, 0.4, 1.8, clamped to ±1: levels −1, −1, 0, 1; ∂x̂/∂S = −1, −1, 0 − 0.4, 1.
    const [x, step] = [tf.tensor1d([-3, -0.6, 0.2, 0.9]), tf.scalar(0.5)];
    const weight = tf.tensor1d([1, 10, 100, 1000]);
    const levels = { quantMin: -1, quantMax: 1, gradientScale: 0.25 };
    assert.deepEqual([...(await fakeQuantizeStep(x, step, levels).data())], [-0.5, -0.5, 0, 0.5]);
    const [ofX, ofStep] = tf.grads((a: tf.Tensor, s: tf.Tensor) =>
      tf.sum(tf.mul(fakeQuantizeStep(a, s, levels), weight)),
    )([x, step]);
    assert.deepEqual([...(await ofX!.data())], [0, 0, 100, 0]);
    assert.deepEqual(ofStep!.shape, []);
    assertClose(await ofStep!.data(), [0.25 * (-1 - 10 - 40 + 1000)], 1e-6, 'step');
  });

  it('has a step and its gradient for each channel', async () => {
    const [x, steps] = [
      tf.tensor2d([
        [0.9, 0.9],
        [-0.2, 5],
      ]),
      tf.tensor1d([0.5, 2]),
    ];
    const levels = { quantMin: -1, quantMax: 1, gradientScale: 1 };
    assertClose(await fakeQuantizeStep(x, steps, levels).data(), [0.5, 0, 0, 2], 1e-6, 'values');
    const ofSteps = tf.grad((s: tf.Tensor) => tf.sum(fakeQuantizeStep(x, s, levels)))(steps);
    // Channel 0: clamped (1), and 0 + 0.4; channel 1: 0 − 0.45, and clamped (1).
    assertClose(await ofSteps.data(), [1.4, 0.55], 1e-6, 'steps');
  });

  it('finds the step of least squared error', () => {
    assert.ok(Math.abs(mseStep(Float32Array.of(-6, -2, 0, 2), { quantMin: -3, quantMax: 3 }) - 2) < 0.01);
    assert.equal(mseStep(new Float32Array(4), { quantMin: -3, quantMax: 3 }), 1);
    for (const [quantMin, quantMax] of [
      [-1, 1],
      [-7, 7],
      [0, 15],
    ] as const) {
      const values = gaussian(2000, 5).map((w, i) => (quantMin === 0 ? Math.abs(w) : i === 0 ? 20 : w));
      const error = (scale: number): number =>
        values.reduce(
          (sum, w) => sum + (w - quantizeValue({ scale, zeroPoint: 0, quantMin, quantMax }, w)) ** 2,
          0,
        );
      const found = error(mseStep(values, { quantMin, quantMax }));
      const widest = Math.max(...values) / quantMax;
      const scanned = Array.from({ length: 1000 }, (_, i) => error((widest * (i + 1)) / 1000));
      assert.ok(found <= 1.002 * Math.min(...scanned), `${found} against ${Math.min(...scanned)}`);
    }
  });

  it('fits the step to the levels in use, and so never raises the error', () => {
    const weights = gaussian(500, 3);
    const host = (scale: number): number[] =>
      [...weights].map((w) => quantizeValue({ scale, zeroPoint: 0, quantMin: -3, quantMax: 3 }, w));
    const error = (scale: number): number =>
      host(scale).reduce((sum, q, i) => sum + (q - weights[i]!) ** 2, 0);
    let step = 2;
    for (let i = 0; i < 8; i++) {
      const levels = host(step).map((q) => q / step);
      const expected =
        levels.reduce((sum, q, j) => sum + q * weights[j]!, 0) / levels.reduce((sum, q) => sum + q * q, 0);
      const fitted = fittedStep(tf.tensor1d(weights), tf.scalar(step), 3).dataSync()[0]!;
      assertClose([fitted], [expected], 1e-5, 'step');
      assert.ok(error(fitted) <= error(step) * (1 + 1e-6));
      step = fitted;
    }
    // All weights in level 0: the step stays.
    assert.equal(fittedStep(tf.tensor1d([0.1, -0.1]), tf.scalar(5), 3).dataSync()[0], 5);
  });
});

describe('quantize: a quantizer for each channel', () => {
  const kernel = toTensor(kernelOf(6, 5, 1));
  const centroids = tf.tensor2d(
    Float32Array.from({ length: 6 * 4 }, (_, i) => (i % 4) - 1.5 + Math.floor(i / 4) / 10),
    [6, 4],
  );

  it('scales each channel by its own maximum', () => {
    const all = fakeQuantizeWeights(kernel, 3, 'perChannel');
    for (let i = 0; i < 6; i++) {
      assertClose(
        channel(all, i).dataSync(),
        fakeQuantizeWeights(channel(kernel, i), 3).dataSync(),
        1e-6,
        `channel ${i}`,
      );
    }
  });

  it('assigns and moves the centroids of each channel as if it were alone, empty ones too', () => {
    // The last channel's upper two centroids have no members.
    const rows = centroids.arraySync();
    rows[5] = [-4, 0, 500, 900];
    const engine = tf.transpose(tf.tensor2d(rows));
    const quantized = fakeQuantizeCluster(kernel, engine);
    for (const rule of ['lloyd', 'ema'] as const) {
      const moved = updateCentroids(kernel, engine, rule);
      assert.deepEqual(moved.shape, [4, 6]);
      for (let i = 0; i < 6; i++) {
        const own = tf.tensor1d(rows[i]!);
        assert.deepEqual(
          channel(quantized, i).dataSync(),
          fakeQuantizeCluster(channel(kernel, i), own).dataSync(),
        );
        assertClose(
          tf.slice(moved, [0, i], [4, 1]).dataSync(),
          updateCentroids(channel(kernel, i), own, rule).dataSync(),
          1e-6,
          `${rule}, channel ${i}`,
        );
      }
    }
  });
});

describe('quantize: trained centroids', () => {
  it('gives each centroid the sum of its members’ gradients, in whatever order they stand', async () => {
    const weights = tf.tensor1d([-0.9, 0.3, 1.8, 2.2]);
    const scale = tf.tensor1d([3, -4, 5, 7]);
    const loss = (w: tf.Tensor, c: tf.Tensor): tf.Tensor =>
      tf.sum(tf.mul(fakeQuantizeTrainedCluster(w, c), scale));
    const unsorted = tf.tensor1d([2, -1, 0]);
    assert.deepEqual([...(await fakeQuantizeTrainedCluster(weights, unsorted).data())], [-1, 0, 2, 2]);
    const [ofWeights, ofCentroids] = tf.grads(loss)([weights, unsorted]);
    assert.deepEqual([...(await ofWeights!.data())], [3, -4, 5, 7]);
    assert.deepEqual([...(await ofCentroids!.data())], [12, 3, -4]);
  });

  it('keeps the channels apart', async () => {
    const weights = tf.tensor2d([
      [0.1, 10],
      [0.9, -3],
    ]);
    // [k,out]: channel 0 has centroids 1 and 0, channel 1 has −2 and 8.
    const centroids = tf.tensor2d([
      [1, -2],
      [0, 8],
    ]);
    assert.deepEqual([...(await fakeQuantizeTrainedCluster(weights, centroids).data())], [0, 8, 1, -2]);
    const dy = tf.tensor2d([
      [1, 10],
      [100, 1000],
    ]);
    const gradient = tf.grad((c: tf.Tensor) => tf.sum(tf.mul(fakeQuantizeTrainedCluster(weights, c), dy)))(
      centroids,
    );
    assert.deepEqual([...(await gradient.data())], [100, 1000, 1, 10]);
  });
});

describe('quantize: quantizers in training', () => {
  const schemes: [
    name: string,
    scheme: Omit<QuantizationScheme, 'bits'>,
    options: Parameters<typeof weightTraining>[2],
  ][] = (['perTensor', 'perChannel'] as const).flatMap((granularity) => [
    ...(['max', 'mse', 'lsq'] as const).map(
      (step) =>
        [
          `uniform ${step} ${granularity}`,
          { weights: 'uniform' as const, granularity },
          { uniform: { step } },
        ] as never,
    ),
    ...(['lloyd', 'ema', 'gradient'] as const).map(
      (update) =>
        [
          `clusters ${update} ${granularity}`,
          { weights: 'cluster' as const, granularity },
          { cluster: { update } },
        ] as never,
    ),
  ]);

  for (const [name, scheme, options] of schemes) {
    it(`${name}: the host ends with what the engine trained with, at most 2^b values a group`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 2, max: 4 }),
          fc.integer(),
          (out, inChannels, bits, seed) => {
            tf.tidy(() => {
              const kernel = kernelOf(out, inChannels, seed);
              const training = weightTraining({ ...scheme, bits }, 'stage1.0', options);
              const state = training.begin(kernel);
              const finished = training.finish(kernel, state);
              const engine = training.quantize(toTensor(kernel) as tf.Tensor4D, toVariables(state).params);
              const expected = toTensor({ shape: kernel.shape, data: finished });
              assertClose(engine.dataSync(), expected.dataSync(), 1e-5, 'quantized');
              for (const group of groupsOf({ shape: kernel.shape, data: finished }, scheme.granularity)) {
                assert.ok(new Set(group).size <= 2 ** bits);
              }
              // The state keeps its names and shapes as it moves.
              const moved = training.isTrained
                ? {}
                : training.move(toTensor(kernel) as tf.Tensor4D, toVariables(state).params);
              for (const [key, tensor] of Object.entries(moved)) {
                assert.deepEqual(tensor.shape, toTensor(state[key]!).shape);
              }
            });
          },
        ),
        { numRuns: 12 },
      );
    });
  }

  it('follows the range of the batches, or keeps it, or ends with the range of the learned step', () => {
    const x = tf.tensor4d([0, 1, 2, 7], [1, 2, 2, 1]);
    const state = (values: Readonly<Record<string, number>>) =>
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tf.scalar(value)]));
    const moving = activationTraining(4, { momentum: 0.5 });
    const { next } = moving.quantize(x, state(moving.begin({ min: -1, max: 5 })));
    assert.deepEqual(
      [next['activation.min']!.dataSync()[0], next['activation.max']!.dataSync()[0]],
      [-0.5, 6],
    );
    const fixed = activationTraining(2, { range: 'fixed' });
    assert.deepEqual(
      [...fixed.quantize(x, state(fixed.begin({ min: 0, max: 3 }))).value.dataSync()],
      [0, 1, 2, 3],
    );
    const learned = activationTraining(2, { range: 'learned' });
    const begun = learned.begin({ min: 0, max: 3 });
    assert.deepEqual([...learned.quantize(x, state(begun)).value.dataSync()], [0, 1, 2, 3]);
    const host = Object.fromEntries(
      Object.entries(begun).map(([name, value]) => [name, { shape: [], data: Float32Array.of(2 * value) }]),
    );
    assert.deepEqual(learned.finish(host), { min: 0, max: 6 });
  });
});
