import assert from 'node:assert/strict';
import { tf } from '../../lib/src/backend/index.js';
import { compile, nativeMemory } from '../../lib/src/compile/index.js';
import { mergeNetwork } from '../../lib/src/merge/index.js';
import {
  forward,
  initialize,
  normalizeArchitecture,
  quantizedBlocks,
  toVariables,
} from '../../lib/src/model/index.js';
import {
  disposeState,
  finetuneState,
  finetuneSteps,
  initialState,
  pretrainStep,
  type StepInput,
  type TrainState,
  type TrainStep,
} from '../../lib/src/train/index.js';
import { assertClose, sample } from './support.js';

/** All three branches, strides 1 and 2, channels that fill the engine's blocks and that do not. */
const arch = normalizeArchitecture({
  widths: [8, 8, 16, 24, 40],
  depths: [1, 1, 2, 1, 1],
  strides: [1, 1, 2, 2, 1],
  classes: 10,
  oabn: { threshold: 1 },
});
const options = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0.1 };

function batch(size = 16): StepInput {
  return {
    images: sample([size, 8, 8, 3], 5, -2, 2) as tf.Tensor4D,
    labels: tf.tensor1d(
      Array.from({ length: size }, (_, i) => i % 10),
      'int32',
    ),
    learningRate: tf.scalar(0.05),
  };
}

function pretraining(): TrainState {
  const { params, buffers } = toVariables(initialize(arch, 1));
  return initialState(params, buffers);
}

const scheme = { bits: 4, weights: 'kmeans' } as const;

function finetuning(): TrainState {
  const ranges = Object.fromEntries(quantizedBlocks(arch).map(({ name }) => [name, { min: 0, max: 3 }]));
  // Levels times levels often add up to zero exactly, where rounding would decide which way ReLU goes; biases
  // other than zero avoid that.
  const merged = Object.entries(mergeNetwork(arch, initialize(arch, 2))).map(([name, tensor]) => {
    const noise = sample([...tensor.shape], 9, 0.01, 0.1).dataSync() as Float32Array;
    return [name, name.endsWith('.bias') ? { ...tensor, data: noise } : tensor] as const;
  });
  return finetuneState(Object.fromEntries(merged), ranges, scheme, arch);
}

/** Runs both for a few steps, each from the eager run's state. */
async function follow(step: TrainStep, begin: TrainState, steps = 3): Promise<void> {
  const input = batch();
  const fast = await compile(step, [begin, input]);
  let state = begin;
  for (let i = 0; i < steps; i++) {
    const expected = tf.tidy(() => step(state, input) as never) as unknown as ReturnType<TrainStep>;
    const result = await fast(state, input);
    for (const group of ['params', 'buffers', 'momentum'] as const) {
      assertClose(result.state[group], expected.state[group], 1e-4, `step ${i}, ${group}`);
    }
    assertClose(result.metrics, expected.metrics, 1e-5, `step ${i}, metrics`);
    disposeState(result.state);
    state = expected.state;
  }
  await fast.dispose();
}

/** The state after `steps` compiled steps, as numbers. */
async function trained(step: TrainStep, begin: TrainState, steps: number): Promise<number[][]> {
  const input = batch();
  const fast = await compile(step, [begin, input]);
  let state = begin;
  for (let i = 0; i < steps; i++) {
    const result = await fast(state, input);
    disposeState(state, result.state);
    tf.dispose([result.metrics.loss, result.metrics.correct]);
    state = result.state;
  }
  await fast.dispose();
  return Object.values(state.params).map((tensor) => [...tensor.dataSync()]);
}

describe('compile: whole steps', () => {
  before(() => tf.setBackend('cpu'));

  it('a pretraining step with three branches and OABN', () =>
    follow(pretrainStep(arch, options), pretraining()));
  it('a pretraining step with OABN straight through on all branches', () => {
    const oabn = {
      threshold: 0.8,
      gradient: 'straightThrough',
      branches: ['3x3', '1x1', 'identity'],
    } as const;
    return follow(pretrainStep({ ...arch, oabn }, options), pretraining(), 2);
  });
  it('a ClusterQAT step', () => follow(finetuneSteps(arch, scheme, options)(0), finetuning()));
  it('a ClusterQAT step whose centroids rest', () => {
    const stepAt = finetuneSteps(arch, scheme, { ...options, cluster: { updateEvery: 2 } });
    return follow(stepAt(1), finetuning(), 2);
  });
  it('a uniform QAT step', async () => {
    const uniform = { bits: 4, weights: 'uniform' } as const;
    await follow(finetuneSteps(arch, uniform, options)(0), finetuning(), 2);
  });

  it('inference, whose normalization goes into the kernels', async () => {
    const variables = toVariables(initialize(arch, 3));
    const logitsOf = (images: tf.Tensor4D): tf.Tensor =>
      forward(arch, variables, images, { training: false }).logits;
    const { images } = batch(5);
    const fast = await compile(logitsOf, [images]);
    assertClose(
      await fast(images),
      tf.tidy(() => logitsOf(images)),
      1e-5,
    );
    await fast.dispose();
  });

  it('is deterministic to the bit', async () => {
    const step = pretrainStep(arch, options);
    assert.deepEqual(await trained(step, pretraining(), 5), await trained(step, pretraining(), 5));
  });

  it('does not grow over 1,000 steps', async function () {
    this.timeout(30000);
    const tiny = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [1, 2], classes: 10 });
    const { params, buffers } = toVariables(initialize(tiny, 1));
    const input = batch(2);
    let state = initialState(params, buffers);
    const fast = await compile(pretrainStep(tiny, options), [state, input]);
    const run = async (steps: number): Promise<void> => {
      for (let i = 0; i < steps; i++) {
        const result = await fast(state, input);
        disposeState(state, result.state);
        tf.dispose([result.metrics.loss, result.metrics.correct]);
        state = result.state;
      }
    };
    await run(50);
    const [tensors, native, resident] = [tf.memory().numTensors, nativeMemory(), process.memoryUsage.rss()];
    await run(950);
    assert.equal(tf.memory().numTensors, tensors);
    assert.deepEqual(nativeMemory(), native);
    const grown = (process.memoryUsage.rss() - resident) / 2 ** 20;
    assert.ok(grown < 64, `resident memory grew by ${grown.toFixed(0)} MiB`);
    await fast.dispose();
  });
});
