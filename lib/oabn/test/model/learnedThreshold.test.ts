import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { mergeNetwork, mergeParts } from '../../src/merge/index.js';
import {
  batchNormInference,
  batchNormTraining,
  blocksOf,
  forward,
  forwardMerged,
  initialize,
  loadNetwork,
  normalizeArchitecture,
  parameterShapes,
  saveNetwork,
  type StateDict,
  toVariables,
} from '../../src/model/index.js';
import { sgdStep, thresholdRules } from '../../src/train/index.js';
import { assertClose } from '../golden/index.js';
import { sample } from '../../../tensor/test/compile/support.js';

const plain = { widths: [4, 4], depths: [1, 2], strides: [1, 1], classes: 3 };
const arch = normalizeArchitecture({ ...plain, oabn: { threshold: 0.5, learned: true } });

/** Random numbers everywhere, and s of 0.3 and 0.6. */
function network(): StateDict {
  return Object.fromEntries(
    Object.entries(initialize(arch, 1)).map(([name, { shape, data }]) => {
      const stream = random(7, name);
      const value = (): number => {
        if (name.endsWith('.threshold')) return name.startsWith('stage1.0') ? 0.3 : 0.6;
        return name.endsWith('running_var') ? 0.3 + stream.uniform() : stream.normal();
      };
      return [name, { shape, data: data.map(value) }];
    }),
  );
}

describe('model: a learned s', () => {
  it('is a scalar of each identity BN that begins at the threshold', () => {
    const names = Object.keys(parameterShapes(arch, 'training')).filter((name) => name.endsWith('threshold'));
    assert.deepEqual(names, ['stage1.0.rbr_identity.threshold', 'stage1.1.rbr_identity.threshold']);
    assert.deepEqual(initialize(arch, 1)[names[0]!], { shape: [], data: Float32Array.of(0.5) });
    const everywhere = normalizeArchitecture({
      ...plain,
      oabn: { threshold: 1, learned: true, branches: ['3x3', 'identity'] },
    });
    assert.equal(
      Object.keys(parameterShapes(everywhere, 'training')).filter((name) => name.endsWith('threshold'))
        .length,
      5,
    );
    assert.ok(!Object.keys(parameterShapes(arch, 'merged')).some((name) => name.endsWith('threshold')));
  });

  it('is written in one way, and refused with the value', () => {
    const oabnOf = (learned: object | boolean) =>
      normalizeArchitecture({ ...plain, oabn: { threshold: 0.5, learned } }).oabn;
    assert.deepEqual(oabnOf(false), { threshold: 0.5 });
    assert.deepEqual(oabnOf({}), { threshold: 0.5, learned: true });
    assert.deepEqual(oabnOf({ regularizer: 'l2', coefficient: 5e-3 }), { threshold: 0.5, learned: true });
    assert.deepEqual(oabnOf({ regularizer: 'l1' }), { threshold: 0.5, learned: { regularizer: 'l1' } });
    assert.throws(
      () => oabnOf({ regularizer: 'l3' }),
      /learned\.regularizer must be one of "l2", "l1", got "l3"/,
    );
    assert.throws(() => oabnOf({ coefficient: -1 }), /coefficient must be ≥ 0, got -1/);
  });

  for (const gradient of ['clip', 'straightThrough'] as const) {
    it(`has the gradient of the clip (${gradient})`, () => {
      tf.tidy(() => {
        const x = sample([2, 3, 3, 3], 1, -2, 2) as tf.Tensor4D;
        // γ/σ is about 3, 0.2 and −2: clipped above, inside, clipped below.
        const [gamma, beta] = [tf.tensor1d([3.5, 0.2, -2.3]), tf.tensor1d([0, 1, 2])];
        const weight = sample([2, 3, 3, 3], 2);
        const loss = (g: tf.Tensor, s: tf.Tensor): tf.Tensor =>
          tf.sum(tf.mul(batchNormTraining(x, g, beta, { threshold: s as tf.Scalar, gradient }).y, weight));
        const [ofGamma, ofThreshold] = tf.grads(loss)([gamma, tf.scalar(0.8)]);
        const at = (s: number): number => loss(gamma, tf.scalar(s)).dataSync()[0]!;
        // y is linear in s, so that a wide difference is exact.
        assertClose(ofThreshold!.dataSync(), [(at(0.9) - at(0.7)) / 0.2], 1e-4, 's');
        assert.deepEqual(ofThreshold!.shape, []);
        const clipped = ofGamma!.dataSync();
        assert.equal(clipped[0] === 0 && clipped[2] === 0, gradient === 'clip');
        assert.ok(clipped[1] !== 0);
      });
    });
  }

  it('limits as the fixed s of the same value does, in training, inference and merging', () => {
    tf.tidy(() => {
      const x = sample([2, 3, 3, 2], 1, -2, 2) as tf.Tensor4D;
      const [gamma, beta] = [tf.tensor1d([3, 0.1]), tf.tensor1d([0, 1])];
      const [mean, variance] = [tf.tensor1d([0.1, 0.2]), tf.tensor1d([1, 2])];
      const [fixed, learned] = [{ threshold: 0.5 }, { threshold: tf.scalar(0.5) }];
      assert.deepEqual(
        batchNormTraining(x, gamma, beta, learned).y.dataSync(),
        batchNormTraining(x, gamma, beta, fixed).y.dataSync(),
      );
      assert.deepEqual(
        batchNormInference(x, gamma, beta, mean, variance, learned).dataSync(),
        batchNormInference(x, gamma, beta, mean, variance, fixed).dataSync(),
      );
      const stateDict = network();
      for (const block of blocksOf(arch)) {
        const r0 = mergeParts(arch, stateDict, block).ratios.identity;
        const s = block.name === 'stage1.0' ? 0.3 : 0.6;
        if (r0) assert.ok(Math.abs(Math.max(...r0.map(Math.abs)) - s) < 1e-7);
      }
      const images = sample([2, 5, 5, 3], 3) as tf.Tensor4D;
      const before = forward(arch, toVariables(stateDict), images, { training: false }).logits;
      const after = forwardMerged(arch, toVariables(mergeNetwork(arch, stateDict)).params, images);
      assertClose(after.dataSync(), before.dataSync(), 1e-5, 'logits');
    });
  });

  it('travels in checkpoints', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'oabn-learned-')), 'a.safetensors');
    const stateDict = network();
    await saveNetwork(path, { arch, stateDict, form: 'training' });
    const loaded = await loadNetwork(path);
    assert.deepEqual(loaded.arch, arch);
    assert.deepEqual(loaded.stateDict, stateDict);
  });

  it('decays by its own coefficient, whatever the weight decay', () => {
    const params = { 'stage1.0.rbr_identity.threshold': tf.scalar(0.5), 'linear.bias': tf.tensor1d([0.5]) };
    const zeros = { 'stage1.0.rbr_identity.threshold': tf.scalar(0), 'linear.bias': tf.tensor1d([0]) };
    const after = (learned: object): number[] => {
      const rules = thresholdRules(normalizeArchitecture({ ...plain, oabn: { threshold: 0.5, learned } }));
      const state = { params, gradients: zeros, momentum: zeros, learningRate: tf.scalar(0.1) };
      const { params: next } = sgdStep(state, { momentum: 0, weightDecay: 9, rules });
      return Object.values(next).map((tensor) => tensor.dataSync()[0]!);
    };
    assertClose(after({ coefficient: 2 }), [0.5 - 0.1 * 2 * 0.5, 0.5], 1e-6);
    assertClose(after({ regularizer: 'l1', coefficient: 2 }), [0.5 - 0.1 * 2, 0.5], 1e-6);
  });
});
