import assert from 'node:assert/strict';
import { tf, useBackend } from 'tfjs-native';
import { madeDataset } from '../../src/data/index.js';
import { compiledCache } from '../../src/experiment/compiledCache.js';
import { measureAccuracy } from '../../src/experiment/measure.js';
import { measureBranches } from '../../src/experiment/measureBranches.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, type StateDict } from '../../src/model/index.js';
import { smallDefaults } from './smallLab.js';

describe('experiment/measure', () => {
  before(() => useBackend('wasm'));

  it('leaves no tensors behind when the network does not compile', async () => {
    const { arch } = smallDefaults;
    const bench = { test: madeDataset({ split: 'test' }), compiled: compiledCache() };
    const broken = ({ 'linear.bias': _, ...rest }: StateDict): StateDict => rest;
    const [branches, merged] = [initialize(arch, 1), mergeNetwork(arch, initialize(arch, 1))];
    const before = tf.memory().numTensors;
    const network = { arch, stateDict: broken(merged) };
    await assert.rejects(measureAccuracy(bench, { network, testImages: 200 }));
    await assert.rejects(measureBranches(bench, { arch, stateDict: broken(branches) }, { testImages: 200 }));
    assert.equal(tf.memory().numTensors, before);
  });
});
