import assert from 'node:assert/strict';
import { mergeNetwork } from '../../src/merge/index.js';
import { assertClose, goldenCases, goldenNetwork, goldenTensors } from '../golden/index.js';

describe('merge against PyTorch', () => {
  for (const { file, key, title, arch } of goldenCases) {
    it(`gives the kernels that unit impulses show (${title})`, async () => {
      const { stateDict } = await goldenNetwork(arch, file);
      const merged = mergeNetwork(arch, stateDict);
      const expected = await goldenTensors(`${key}.merged.`, file);
      assert.equal(Object.keys(expected).length, 14);
      for (const [name, { shape, data }] of Object.entries(expected)) {
        assert.deepEqual(merged[name]!.shape, shape);
        assertClose(merged[name]!.data, data, 1e-5, name);
      }
    });
  }
});
