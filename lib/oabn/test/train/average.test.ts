import assert from 'node:assert/strict';
import { compile, tf, useBackend } from 'tfjs-native';
import { random } from 'oabn-base';
import {
  type Architecture,
  initialize,
  normalizeArchitecture,
  toStateDict,
  toVariables,
} from '../../src/model/index.js';
import { assertClose } from '../golden/index.js';
import {
  decayPolicies,
  disposeState,
  downloadState,
  eagerly,
  initialState,
  type LabelledBatch,
  pretrainStep,
  reestimateStatistics,
  statisticsPass,
  type StepInput,
  type TrainState,
  uploadState,
} from '../../src/train/index.js';

const arch: Architecture = normalizeArchitecture({
  widths: [4, 4],
  depths: [1, 2],
  strides: [1, 2],
  classes: 2,
});
const ema = { decay: 0.75 };
const step = eagerly(pretrainStep(arch, { momentum: 0.9, weightDecay: 1e-3, labelSmoothing: 0, ema }));

function batch(index: number): LabelledBatch {
  const stream = random(1, index);
  const images = Float32Array.from({ length: 8 * 108 }, () => 2 + 3 * stream.normal());
  return { images, labels: Int32Array.from({ length: 8 }, () => stream.integer(2)), size: 8 };
}

function input(index: number): StepInput {
  const { images, labels } = batch(index);
  return {
    images: tf.tensor4d(images, [8, 6, 6, 3]),
    labels: tf.tensor1d(labels, 'int32'),
    learningRate: tf.scalar(0.1),
  };
}

function begin(): TrainState {
  const { params, buffers } = toVariables(initialize(arch, 3));
  return initialState(params, buffers, ema);
}

describe('train/average', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  it('follows the weights as an exponential moving average', async () => {
    let state = begin();
    const name = 'stage1.1.rbr_dense.conv.weight';
    let expected = (await downloadState(state))[`params.${name}`]!.data.map((value) => value);
    for (let i = 0; i < 4; i++) {
      ({ state } = await step(state, input(i)));
      const weights = (await downloadState(state))[`params.${name}`]!.data;
      expected = expected.map((value, k) => 0.75 * value + 0.25 * weights[k]!);
    }
    const average = (await downloadState(state))[`average.${name}`]!.data;
    average.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-6));
  });

  it('is part of the state: saved and read again, it goes on with the same bits, and is freed', async () => {
    const { state: one } = await step(begin(), input(0));
    const saved = await downloadState(one);
    const { state: whole } = await step(one, input(1));
    const { state: resumed } = await step(uploadState(saved), input(1));
    assert.deepEqual(await downloadState(resumed), await downloadState(whole));
    const before = tf.memory().numTensors;
    disposeState(resumed);
    const groups = [resumed.params, resumed.buffers, resumed.momentum, resumed.average!];
    const tensors = groups.reduce((count, group) => count + Object.keys(group).length, 0);
    assert.equal(before - tf.memory().numTensors, tensors);
  });

  it('is absent from states without it', async () => {
    const { params, buffers } = toVariables(initialize(arch, 3));
    const state = uploadState(await downloadState(initialState(params, buffers)));
    assert.ok(!('average' in state));
  });
});

describe('train/step', () => {
  it('compiles to what it is, with averaged weights and each policy of decay', async () => {
    await useBackend('wasm');
    for (const decay of decayPolicies) {
      const whole = pretrainStep(arch, { momentum: 0.9, weightDecay: 0.1, labelSmoothing: 0.1, ema, decay });
      const [state, at] = [begin(), input(0)];
      const compiled = await compile(whole, [state, at]);
      const fast = await downloadState((await compiled(state, at)).state);
      const slow = await downloadState((await eagerly(whole)(state, at)).state);
      assert.deepEqual(Object.keys(fast).sort(), Object.keys(slow).sort());
      for (const [name, { data }] of Object.entries(slow)) assertClose(fast[name]!.data, data, 1e-4, name);
      await compiled.dispose();
    }
    await tf.setBackend('cpu');
  });
});

describe('train/statistics', () => {
  it('gives each BN the mean over the batches of their means and unbiased variances', async () => {
    const { params, buffers } = toVariables(initialize(arch, 3));
    const pass = statisticsPass(arch);
    const before = tf.memory().numTensors;
    const found = await reestimateStatistics((...inputs) => tf.tidy(() => pass(...inputs) as never), {
      params,
      buffers,
      batches: [batch(0), batch(1), batch(2)],
      imageShape: [6, 6, 3],
    });
    assert.equal(tf.memory().numTensors, before, 'tensors left behind');
    assert.deepEqual(Object.keys(found).sort(), Object.keys(await toStateDict(buffers)).sort());
    // What the stem's BN normalizes can be computed by hand: its convolution of the images.
    const kernel = params['stage0.rbr_1x1.conv.weight'] as tf.Tensor4D;
    const [means, variances] = [new Float64Array(4), new Float64Array(4)];
    for (const index of [0, 1, 2]) {
      const values = await tf.conv2d(input(index).images, kernel, 1, 0).data();
      for (let channel = 0; channel < 4; channel++) {
        const own = Array.from(values.filter((_, i) => i % 4 === channel));
        const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
        means[channel]! += mean / 3;
        variances[channel]! +=
          own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (own.length - 1) / 3;
      }
    }
    for (const [member, expected] of [
      ['running_mean', means],
      ['running_var', variances],
    ] as const) {
      found[`stage0.rbr_1x1.bn.${member}`]!.data.forEach((value, i) =>
        assert.ok(Math.abs(value - expected[i]!) < 1e-4 * (1 + Math.abs(expected[i]!)), `${member}[${i}]`),
      );
    }
  });
});
