import assert from 'node:assert/strict';
import { join } from 'node:path';
import { initialize, normalizeArchitecture } from '../../src/model/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { loadAnyNetwork, quantizeNetwork, saveQuantizedNetwork } from '../../src/quantize/index.js';
import { inFolder } from '../data/helpers.js';

describe('quantize/quantizedNetwork', () => {
  it('keeps its scheme in its file, where clustered weights are called what they were called before', () =>
    inFolder(async (folder) => {
      const arch = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [1, 1], classes: 2 });
      const merged = mergeNetwork(arch, initialize(arch, 1));
      const scheme = { bits: 3, weights: 'cluster', granularity: 'perChannel' } as const;
      const ranges = { 'stage1.0': { min: 0, max: 1 } };
      const path = join(folder, 'q.safetensors');
      await saveQuantizedNetwork(path, quantizeNetwork({ arch, merged, ranges, scheme }));
      const { metadata, quantization } = await loadAnyNetwork(path);
      assert.equal((JSON.parse(metadata.quantization!) as typeof quantization)!.scheme.weights, 'kmeans');
      assert.deepEqual(quantization!.scheme, scheme);
    }));
});
