import assert from 'node:assert/strict';
import { deadChannels, mergeFound, recognize } from '../../src/family/index.js';
import type { StateDict } from '../../src/model/index.js';

/** A block of four channels whose input channels 0 and 1 stand still, the latter almost. */
const means = [0.3, -1.2, 0.5, 0.1];
const variances = [0, 1e-11, 1e-3, 1];

function block(): StateDict {
  const vector = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });
  const bn = (name: string, mean: number[], variance: number[]): StateDict => ({
    [`${name}.weight`]: vector(0.9, -0.7, 1.1, 0.5),
    [`${name}.bias`]: vector(0.1, 0.2, 0.3, 0.4),
    [`${name}.running_mean`]: vector(...mean),
    [`${name}.running_var`]: vector(...variance),
  });
  return {
    'a.rbr_dense.conv.weight': {
      shape: [4, 4, 3, 3],
      data: Float32Array.from({ length: 144 }, (_, i) => Math.sin(i) / 10),
    },
    ...bn('a.rbr_dense.bn', [0, 0.1, 0.2, 0.3], [1, 2, 0.5, 1]),
    ...bn('a.rbr_identity', means, variances),
  };
}

describe('family/deadChannels', () => {
  const [found] = recognize(block())!.blocks;
  const identity = found!.branches.find(({ label }) => label === 'identity')!;

  it('are those whose σ is far below √ε', () => {
    assert.deepEqual(deadChannels(identity, 1e-5), [0, 1]);
    assert.deepEqual(deadChannels(identity, 1e-5, 0.0001), [0]);
    assert.deepEqual(deadChannels({}, 1e-5), []);
  });

  it('leave the kernel for the bias: the outlier is gone, and on inputs at the running mean the output is the same', () => {
    const [plain, folded] = [mergeFound(found!), mergeFound(found!, { deadTolerance: 0.01 })];
    const most = (kernel: Float64Array): number => kernel.reduce((a, w) => Math.max(a, Math.abs(w)), 0);
    assert.ok(most(plain.kernel) > 280, 'γ/√ε');
    assert.ok(most(folded.kernel) < 36, 'γ/√(1e-3+ε) of a channel that lives');
    // One output pixel away from any border, of inputs that are the mean in dead channels and anything in
    // living ones.
    const pixel = ({ kernel, bias }: typeof plain, out: number): number => {
      let sum = bias[out]!;
      for (let i = 0; i < 4; i++) {
        for (let tap = 0; tap < 9; tap++) {
          const x = i < 2 ? Math.fround(means[i]!) : Math.cos(7 * i + tap);
          sum += kernel[(out * 4 + i) * 9 + tap]! * x;
        }
      }
      return sum;
    };
    for (let out = 0; out < 4; out++) assert.ok(Math.abs(pixel(plain, out) - pixel(folded, out)) < 1e-12);
  });

  it('lose at most the tolerance times γ in standard deviations', () => {
    const [plain, folded] = [mergeFound(found!), mergeFound(found!, { deadTolerance: 0.01 })];
    const lost =
      (plain.kernel[(1 * 4 + 1) * 9 + 4]! - folded.kernel[(1 * 4 + 1) * 9 + 4]!) * Math.sqrt(variances[1]!);
    assert.ok(Math.abs(lost) > 0 && Math.abs(lost) <= 0.01 * 0.7);
  });
});
