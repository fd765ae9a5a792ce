import assert from 'node:assert/strict';
import { tf, useBackend } from 'tfjs-native';
import { random } from 'oabn-base';
import { mergeNetwork, restoreBatchNorm, restoredArchitecture } from '../../src/merge/index.js';
import {
  forward,
  forwardMerged,
  initialize,
  normalizeArchitecture,
  toVariables,
} from '../../src/model/index.js';
import { assertClose } from '../golden/index.js';

describe('merge: batch normalization put back', () => {
  before(() => useBackend());
  const arch = normalizeArchitecture({
    ...{ widths: [4, 4, 8], depths: [1, 2, 1], strides: [1, 1, 2], classes: 3 },
    oabn: { threshold: 0.5 },
  });
  const stream = random(1, 'images');
  const images = tf.tensor4d(
    Float32Array.from({ length: 32 * 8 * 8 * 3 }, () => stream.normal()),
    [32, 8, 8, 3],
  );

  it('changes nothing: neither by its statistics, nor by those of the same batch, nor merged again', async () => {
    const merged = mergeNetwork(arch, initialize(arch, 2));
    const restored = restoredArchitecture(arch);
    const stateDict = await restoreBatchNorm(arch, merged, images);
    assert.deepEqual(Object.keys(stateDict).sort(), Object.keys(initialize(restored, 1)).sort());
    const before = await forwardMerged(arch, toVariables(merged).params, images).data();
    for (const training of [false, true]) {
      const { logits } = forward(restored, toVariables(stateDict), images, { training });
      assertClose(await logits.data(), before, 1e-4, `training: ${training}`);
    }
    const again = mergeNetwork(restored, stateDict);
    for (const [name, { data }] of Object.entries(merged)) assertClose(again[name]!.data, data, 1e-5, name);
  });

  it('refuses to measure on no image', async () => {
    const merged = mergeNetwork(arch, initialize(arch, 2));
    await assert.rejects(
      restoreBatchNorm(arch, merged, tf.zeros([0, 8, 8, 3])),
      /needs at least one image, got none/,
    );
  });

  it('leaves no tensors behind when the images do not fit', async () => {
    const merged = mergeNetwork(arch, initialize(arch, 2));
    const fiveColours = tf.zeros<tf.Rank.R4>([1, 8, 8, 5]);
    const before = tf.memory().numTensors;
    await assert.rejects(restoreBatchNorm(arch, merged, fiveColours), /depth/);
    assert.equal(tf.memory().numTensors, before);
  });

  it('refuses a network of another family, whose convolutions are no chain', async () => {
    await assert.rejects(
      restoreBatchNorm({ ...arch, operations: [] }, {}, images),
      /Putting a BN behind each convolution is for chains of 3×3 convolutions/,
    );
  });
});
