import assert from 'node:assert/strict';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import {
  type Architecture,
  initialize,
  normalizeArchitecture,
  type StateDict,
  toStateDict,
  toVariables,
} from '../../src/model/index.js';
import {
  customL2Gradients,
  type DecayPolicy,
  decayPolicies,
  initialState,
  pretrainStep,
  sgdStep,
  decayRules,
  zeroMomentum,
} from '../../src/train/index.js';

const arch: Architecture = normalizeArchitecture({
  widths: [5, 4],
  depths: [1, 2],
  strides: [1, 2],
  classes: 2,
});

/** A network whose every number is drawn, variances above 0. */
function drawn(of: Architecture): StateDict {
  const stream = random(5);
  return Object.fromEntries(
    Object.entries(initialize(of, 3)).map(([name, { shape, data }]) => [
      name,
      {
        shape,
        data: data.map(() => (name.endsWith('running_var') ? 0.2 + stream.uniform() : stream.normal())),
      },
    ]),
  );
}

/** The parameters that a step with decay alone, of no gradient, makes smaller. */
function shrunk(policy: DecayPolicy): string[] {
  return tf.tidy(() => {
    const { params } = toVariables(drawn(arch));
    const zeros = Object.fromEntries(
      Object.entries(params).map(([name, param]) => [name, tf.zerosLike(param)]),
    );
    const next = sgdStep(
      { params, gradients: zeros, momentum: zeroMomentum(params), learningRate: tf.scalar(1) },
      { momentum: 0, weightDecay: 0.1, rules: decayRules(arch, policy, 0.1) },
    );
    return Object.keys(params).filter((name) => {
      const [before, after] = [params[name]!.dataSync(), next.params[name]!.dataSync()];
      const changed = before.some((value, i) => value !== after[i]);
      if (changed) before.forEach((value, i) => assert.ok(Math.abs(after[i]! - 0.9 * value) < 1e-6, name));
      return changed;
    });
  });
}

describe('train/decay', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  it('acts on what its policy says, and on nothing else', () => {
    const kernels = [
      ...['stage0', 'stage1.0', 'stage1.1'].flatMap((block) => [
        `${block}.rbr_dense.conv.weight`,
        `${block}.rbr_1x1.conv.weight`,
      ]),
      'linear.weight',
    ].sort();
    const identity = 'stage1.1.rbr_identity.weight';
    assert.deepEqual(shrunk('kernels').sort(), kernels);
    assert.deepEqual(shrunk('kernelsAndIdentity').sort(), [...kernels, identity].sort());
    assert.deepEqual(shrunk('repvggCustom').sort(), ['linear.weight', identity]);
    assert.deepEqual(shrunk('all').sort(), Object.keys(toNames(arch)).sort());
  });

  it('has the gradient of RepVGG’s custom L2', async () => {
    for (const branches of [undefined, ['3x3', 'identity']] as const) {
      const of = normalizeArchitecture({ ...arch, ...(branches && { branches }) });
      const stateDict = drawn(of);
      const { params, buffers } = toVariables(stateDict);
      const gradients = await toStateDict(customL2Gradients(of, 0.3, params, buffers));
      const kernels = Object.keys(stateDict).filter((name) => /rbr_(dense|1x1)\.conv\.weight$/.test(name));
      assert.deepEqual(Object.keys(gradients).sort(), kernels.sort());
      for (const name of kernels) {
        gradients[name]!.data.forEach((gradient, i) => {
          const at = (step: number): number => customL2(moved(stateDict, name, i, step));
          const expected = (0.3 / 2) * ((at(1e-3) - at(-1e-3)) / 2e-3);
          assert.ok(Math.abs(gradient - expected) < 1e-3 * (1 + Math.abs(expected)), `${name}[${i}]`);
        });
      }
    }
  });

  it('takes a whole step with each policy', async () => {
    const images = random(2);
    const input = {
      images: tf.tensor4d(
        Float32Array.from({ length: 4 * 108 }, () => images.normal()),
        [4, 6, 6, 3],
      ),
      labels: tf.tensor1d([0, 1, 0, 1], 'int32'),
      learningRate: tf.scalar(0.1),
    };
    const after = await Promise.all(
      decayPolicies.map(async (decay) => {
        const { params, buffers } = toVariables(drawn(arch));
        const step = pretrainStep(arch, { momentum: 0.9, weightDecay: 0.1, labelSmoothing: 0, decay });
        const { state } = step(initialState(params, buffers), input);
        return JSON.stringify(await toStateDict(state.params));
      }),
    );
    assert.equal(new Set(after).size, decayPolicies.length);
  });

  it('refuses RepVGG’s custom L2 for QARepVGG', () => {
    assert.throws(
      () => decayRules({ ...arch, block: 'qarepvgg' }, 'repvggCustom', 0.1),
      /"repvggCustom" needs a BN in the 1×1 branch/,
    );
  });
});

const toNames = (of: Architecture): object => toVariables(initialize(of, 1)).params;

function moved(stateDict: StateDict, name: string, index: number, step: number): StateDict {
  const { shape, data } = stateDict[name]!;
  const wide = Float64Array.from(data);
  wide[index]! += step;
  return { ...stateDict, [name]: { shape, data: wide as unknown as Float32Array } };
}

/** The sum over blocks as RepVGG's code writes it: for each weight of each kernel, in OIHW. */
function customL2(stateDict: StateDict): number {
  let total = 0;
  for (const block of ['stage0', 'stage1.0', 'stage1.1']) {
    const { shape, data } = stateDict[`${block}.rbr_dense.conv.weight`]!;
    const pointwise = stateDict[`${block}.rbr_1x1.conv.weight`]?.data;
    const ratio = (branch: string, out: number): number =>
      stateDict[`${block}.${branch}.bn.weight`]!.data[out]! /
      Math.sqrt(stateDict[`${block}.${branch}.bn.running_var`]!.data[out]! + 1e-5);
    data.forEach((weight, i) => {
      const out = Math.floor(i / (shape[1]! * 9));
      if (i % 9 !== 4) {
        total += weight ** 2;
        return;
      }
      const t3 = ratio('rbr_dense', out);
      const t1 = pointwise ? ratio('rbr_1x1', out) : 0;
      const merged = weight * t3 + (pointwise ? pointwise[Math.floor(i / 9)]! * t1 : 0);
      total += merged ** 2 / (t3 ** 2 + t1 ** 2);
    });
  }
  return total;
}
