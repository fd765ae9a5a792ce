import assert from 'node:assert/strict';
import type { HostTensor } from 'oabn-base';
import { custom } from '../../src/custom/index.js';
import { mergeWithoutDead } from '../../src/family/index.js';
import { isOfPaper, mergeNetwork, withoutLimits } from '../../src/merge/index.js';
import { initialize, type LimitFunction, normalizeArchitecture, type Oabn } from '../../src/model/index.js';
import { assertClose } from '../golden/index.js';

const small = { widths: [4, 4], depths: [1, 2], strides: [1, 1], classes: 2 };
const plain = normalizeArchitecture(small);
const half: LimitFunction = (engine, ratio) => engine.mul(ratio, 0.5);

describe('merge/withoutLimits', () => {
  const kinds: Readonly<Record<string, { oabn: Oabn; reach: number }>> = {
    'the paper’s': { oabn: { threshold: 0.5 }, reach: 0.5 },
    'all branches': { oabn: { threshold: 0.5, branches: ['identity', '1x1', '3x3'] }, reach: 0.5 },
    'the 1×1 branch alone': { oabn: { threshold: 0.5, branches: ['1x1'] }, reach: Infinity },
    'a learned s': { oabn: { threshold: 0.25, learned: true }, reach: 0.25 },
    'a limit of one’s own': {
      oabn: { threshold: 0.5, limit: custom('half', half) },
      reach: 1.5,
    },
  };
  for (const [kind, { oabn, reach }] of Object.entries(kinds)) {
    it(`leaves a network that merges to the same: ${kind}`, () => {
      const arch = normalizeArchitecture({ ...small, oabn });
      const stateDict: Record<string, HostTensor<Float32Array>> = { ...initialize(arch, 1) };
      stateDict['stage1.1.rbr_identity.weight'] = { shape: [4], data: Float32Array.of(3, -2, 1, 0.1) };
      stateDict['stage1.1.rbr_1x1.bn.weight'] = { shape: [4], data: Float32Array.of(3, 2, 1, 0.1) };
      stateDict['stage1.1.rbr_identity.running_mean'] = { shape: [4], data: Float32Array.of(1, 2, 3, 4) };
      const without = withoutLimits(arch, stateDict);
      assert.ok(
        Math.abs(without.threshold - reach) < 1e-4 || without.threshold === reach,
        String(without.threshold),
      );
      assert.deepEqual(Object.keys(without.stateDict).sort(), Object.keys(initialize(plain, 1)).sort());
      const [limited, expected] = [mergeNetwork(plain, without.stateDict), mergeNetwork(arch, stateDict)];
      const folded = mergeWithoutDead(arch, stateDict);
      for (const [name, { data }] of Object.entries(expected)) {
        assertClose(limited[name]!.data, [...data], 1e-6);
        assertClose(folded[name]!.data, [...data], 1e-6);
      }
      assert.equal(isOfPaper(arch), kind === 'the paper’s');
    });
  }
});
