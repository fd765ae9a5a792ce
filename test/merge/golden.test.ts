import assert from 'node:assert/strict';
import { mergeNetwork } from '../../lib/src/merge/index.js';
import { assertClose, goldenArchitecture, goldenNetwork, goldenTensors } from '../golden/index.js';

describe('merge against PyTorch', () => {
  for (const [key, threshold] of [
    ['bn', Infinity],
    ['oabn', 0.7],
  ] as const) {
    it(`gives the kernels that unit impulses show (${key})`, async () => {
      const arch = { ...goldenArchitecture, ...(threshold < Infinity && { oabn: { threshold } }) };
      const { stateDict } = await goldenNetwork(arch);
      const merged = mergeNetwork(arch, stateDict);
      const expected = await goldenTensors(`${key}.merged.`);
      assert.equal(Object.keys(expected).length, 14);
      for (const [name, { shape, data }] of Object.entries(expected)) {
        assert.deepEqual(merged[name]!.shape, shape);
        assertClose(merged[name]!.data, data, 1e-5, name);
      }
    });
  }
});
