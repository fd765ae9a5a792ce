import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf, useBackend } from 'tfjs-native';
import { madeDataset } from '../../src/data/index.js';
import { compiledCache } from '../../src/experiment/compiledCache.js';
import { measureAccuracy } from '../../src/experiment/measure.js';
import { measureBranches } from '../../src/experiment/measureBranches.js';
import { measureOnnxFile } from '../../src/experiment/measureOnnx.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, type StateDict } from '../../src/model/index.js';
import { saveOnnx } from '../../src/quantize/index.js';
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

  it('ends an exported file’s measurement when it is told to', async () => {
    const { arch } = smallDefaults;
    const path = join(await mkdtemp(join(tmpdir(), 'oabn-measure-')), 'network.onnx');
    await saveOnnx(path, { arch, stateDict: mergeNetwork(arch, initialize(arch, 1)) });
    const test = madeDataset({ split: 'test' });
    assert.equal((await measureOnnxFile({ test }, path, 200)).images, 200);
    await assert.rejects(measureOnnxFile({ test, signal: AbortSignal.abort() }, path, 200), {
      name: 'AbortError',
    });
  });
});
