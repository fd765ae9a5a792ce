import assert from 'node:assert/strict';
import { tf } from 'tfjs-native';
import { stepKey } from '../../src/experiment/index.js';
import { initialize, normalizeArchitecture, toVariables } from '../../src/model/index.js';
import {
  clipGradients,
  downloadState,
  gradientStep,
  halfPrecisionLossScale,
  initialState,
  pretrainStep,
} from '../../src/train/index.js';
import { assertClose } from '../golden/index.js';

const options = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0.1 };
const batchSize = 8;
const scale = halfPrecisionLossScale(batchSize);

const input = () => ({
  images: tf.randomNormal([batchSize, 6, 6, 3], 0, 1, 'float32', 1) as tf.Tensor4D,
  labels: tf.tensor1d(
    Array.from({ length: batchSize }, (_, i) => i % 2),
    'int32',
  ),
  learningRate: tf.scalar(0.1),
});

describe('train/gradients: clipping', () => {
  before(() => tf.setBackend('cpu'));

  it('shortens all gradients by one factor where they are too long together, else leaves them', () => {
    const clipped = (maxNorm: number): number[] => {
      const { a, b } = clipGradients({ a: tf.tensor1d([0, 3]), b: tf.scalar(-4) }, maxNorm);
      return [...a!.dataSync(), ...b!.dataSync()];
    };
    assertClose(clipped(1), [0, 0.6, -0.8], 1e-5, 'of norm 5');
    assert.deepEqual(clipped(6), [0, 3, -4]);
  });

  it('bounds a step, which compiled steps are told apart by', async () => {
    const arch = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [1, 2], classes: 2 });
    const { params, buffers } = toVariables(initialize(arch, 3));
    const plain = { ...options, momentum: 0, weightDecay: 0 };
    const step = pretrainStep(arch, { ...plain, maxGradientNorm: 0.01 });
    const { state } = step(initialState(params, buffers), input());
    const moved = Object.keys(params).map(
      (name) => tf.sum(tf.square(tf.sub(state.params[name]!, params[name]!))).dataSync()[0]!,
    );
    const norm = Math.sqrt(moved.reduce((sum, square) => sum + square, 0));
    assert.ok(Math.abs(norm - 0.1 * 0.01) < 1e-5, `${norm}`);
    assert.notEqual(stepKey(arch, { ...plain, maxGradientNorm: 0.01 }), stepKey(arch, plain));
  });
});

describe('train/gradients: the loss scale', () => {
  before(() => tf.setBackend('cpu'));

  it('changes no bit of a step in single precision', async () => {
    const arch = normalizeArchitecture({
      widths: [4, 4],
      depths: [1, 2],
      strides: [1, 2],
      classes: 2,
      oabn: { threshold: 0.8 },
    });
    const after = async (lossScale?: number) => {
      const { params, buffers } = toVariables(initialize(arch, 3));
      const step = pretrainStep(arch, { ...options, ...(lossScale !== undefined && { lossScale }) });
      const { state, metrics } = step(initialState(params, buffers), input());
      return { state: await downloadState(state), loss: await metrics.loss.data() };
    };
    assert.deepEqual(await after(scale), await after());
  });

  it('reaches the gradients that products get', () => {
    const seen: Float32Array[] = [];
    const watch = tf.customGrad((x: tf.Tensor | tf.GradSaveFunc) => ({
      value: tf.clone(x as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => {
        seen.push(dy.dataSync().slice() as Float32Array);
        return dy;
      },
    }));
    for (const lossScale of [1, scale]) {
      const step = gradientStep({
        ...options,
        lossScale,
        network: (params, buffers, images) => ({
          logits: watch(tf.matMul(tf.mean(images, [1, 2]), params['w']!)) as tf.Tensor2D,
          buffers,
        }),
      });
      step(initialState({ w: tf.randomNormal([3, 2], 0, 1, 'float32', 1) }, {}), input());
    }
    assert.deepEqual(
      seen[1],
      seen[0]!.map((value) => value * scale),
    );
  });

  it('is a power of two near 512 for each image', () => {
    assert.deepEqual([1, 100, 128, 512].map(halfPrecisionLossScale), [2 ** 9, 2 ** 16, 2 ** 16, 2 ** 18]);
  });
});
