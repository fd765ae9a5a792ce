import assert from 'node:assert/strict';
import { describeTrace, findThresholdTrace } from '../../src/merge/index.js';
import type { Architecture, StateDict } from '../../src/model/index.js';
import { goldenNetwork } from '../golden/index.js';

/**
 * The golden network with the γ of its identity BNs where OABN's clip leaves them: not moved in the channels
 * given.
 */
async function trained(frozen: readonly number[]): Promise<{ arch: Architecture; stateDict: StateDict }> {
  const { arch, stateDict } = await goldenNetwork();
  const set = Object.entries(stateDict).map(([name, tensor]) => {
    if (!name.endsWith('rbr_identity.weight')) return [name, tensor] as const;
    return [name, { ...tensor, data: tensor.data.map((g, i) => (frozen.includes(i) ? 1 : g)) }] as const;
  });
  return { arch, stateDict: Object.fromEntries(set) };
}

describe('merge/thresholdTrace', () => {
  it('finds γ that never moved, and bounds s by their ratios', async () => {
    const { arch, stateDict } = await trained([0, 1, 2, 3]);
    const trace = findThresholdTrace(arch, stateDict);
    assert.ok(trace && trace.frozen >= 12);
    const variances = Object.entries(stateDict)
      .filter(([name]) => name.endsWith('rbr_identity.running_var'))
      .flatMap(([, { data }]) => [...data.subarray(0, 4)]);
    assert.ok(Math.abs(trace.atMost - 1 / Math.sqrt(Math.max(...variances) + 1e-5)) < 1e-6);
    assert.match(describeTrace(trace), /give it with --threshold/);
  });

  it('is silent about learned γ, an untrained network, three equal ones, and a network that says its s', async () => {
    const plain = await goldenNetwork();
    assert.equal(findThresholdTrace(plain.arch, plain.stateDict), undefined);
    const untrained = Object.fromEntries(
      Object.entries((await trained([0, 1, 2, 3])).stateDict).map(([name, tensor]) => [
        name,
        name.endsWith('running_var') ? { ...tensor, data: tensor.data.map(() => 1) } : tensor,
      ]),
    );
    assert.equal(findThresholdTrace(plain.arch, untrained), undefined);
    // Its statistics were measured, but no γ has moved in any branch.
    const measured = Object.entries((await trained([0, 1, 2, 3])).stateDict).map(([name, tensor]) => [
      name,
      name.endsWith('rbr_dense.bn.weight') ? { ...tensor, data: tensor.data.map(() => 1) } : tensor,
    ]);
    assert.equal(findThresholdTrace(plain.arch, Object.fromEntries(measured)), undefined);
    const three = await trained([0, 1, 2]);
    assert.equal(findThresholdTrace(three.arch, three.stateDict), undefined);
    const { arch, stateDict } = await trained([0, 1, 2, 3]);
    assert.equal(findThresholdTrace({ ...arch, oabn: { threshold: 0.5 } }, stateDict), undefined);
  });
});
