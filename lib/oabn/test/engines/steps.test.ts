import assert from 'node:assert/strict';
import { compile, nativeMemory, tf } from 'tfjs-native';
import { forward, initialize, normalizeArchitecture, toVariables } from '../../src/model/index.js';
import {
  disposeState,
  initialState,
  pretrainStep,
  type TrainState,
  type TrainStep,
} from '../../src/train/index.js';
import { arch, batch, options, pretraining, stepCases } from './stepCases.js';
import { assertClose } from '../../../tensor/test/compile/support.js';

/** Runs both for a few steps, each from the eager run's state. */
async function follow(step: TrainStep, begin: TrainState, steps: number): Promise<void> {
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

describe('compile: whole steps', function () {
  // Seconds on a free machine; a busy one takes many times as long.
  this.timeout(300_000);
  before(() => tf.setBackend('cpu'));

  for (const { name, step, begin, steps } of stepCases) it(name, () => follow(step, begin(), steps));

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

  it('does not grow over 1,000 steps', async () => {
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
    // What V8 has not collected yet is in it: that it is flat to the megabyte, `longRun.test.ts` looks at.
    assert.ok(grown < 256, `resident memory grew by ${grown.toFixed(0)} MiB`);
    await fast.dispose();
  });
});
