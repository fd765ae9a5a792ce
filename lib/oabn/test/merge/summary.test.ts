import assert from 'node:assert/strict';
import { summarizeOutliers } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture } from '../../src/model/index.js';

const shape = { widths: [4, 4], depths: [1, 2], strides: [1, 1], classes: 3 };

describe('merge: outliers in six numbers', () => {
  it('counts what is clipped and what is dead', () => {
    const arch = normalizeArchitecture({ ...shape, oabn: { threshold: 2 } });
    const stateDict = Object.fromEntries(
      Object.entries(initialize(arch, 1)).map(([name, { shape: dims, data }]) => {
        if (!name.includes('rbr_identity')) return [name, { shape: dims, data }];
        // σ² = 1, 0.01, 0.0004, 1 and γ = 1: ratios of about 1, 10, 50 and 1, of which OABN clips two, and
        // one is dead.
        const values = name.endsWith('running_var') ? [1, 0.01, 0.0004, 1] : data;
        return [name, { shape: dims, data: Float32Array.from(values) }];
      }),
    );
    const summary = summarizeOutliers(arch, stateDict);
    assert.equal(summary.maxRatio, 2);
    assert.deepEqual([summary.clipped, summary.dead], [0.5, 0.25]);
    assert.ok(Math.abs(summary.inputDeviation - (1 + 0.1 + 0.02 + 1) / 4) < 1e-6);
    assert.ok(summary.meanPeakToSigma > 1 && summary.maxPeakToSigma >= summary.meanPeakToSigma);
    const plain = summarizeOutliers(normalizeArchitecture(shape), stateDict);
    assert.equal(plain.clipped, 0);
    assert.ok(plain.maxRatio > 40);
  });

  it('counts what a learned s clips as it is, not as it began', () => {
    const arch = normalizeArchitecture({ ...shape, oabn: { threshold: 0.5, learned: true } });
    const stateDict = initialize(arch, 1);
    // Ratios begin at about 1.
    assert.equal(summarizeOutliers(arch, stateDict).clipped, 1);
    const grown = Object.entries(stateDict).map(([name, tensor]) =>
      name.endsWith('.threshold') ? [name, { ...tensor, data: Float32Array.of(3) }] : [name, tensor],
    );
    assert.equal(summarizeOutliers(arch, Object.fromEntries(grown)).clipped, 0);
  });

  it('has nothing to say of branches that are not there', () => {
    const arch = normalizeArchitecture({ ...shape, branches: ['3x3'] });
    const { maxRatio, inputDeviation, clipped, dead } = summarizeOutliers(arch, initialize(arch, 1));
    assert.deepEqual(
      { maxRatio, inputDeviation, clipped, dead },
      { maxRatio: 0, inputDeviation: 0, clipped: 0, dead: 0 },
    );
  });

  it('is all zeros, which can be stored, where the first convolution is the only one', () => {
    const arch = normalizeArchitecture({ widths: [4], depths: [1], strides: [1], classes: 3 });
    const summary = summarizeOutliers(arch, initialize(arch, 1));
    assert.deepEqual([...new Set(Object.values(summary))], [0]);
  });
});
