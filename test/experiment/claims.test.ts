import assert from 'node:assert/strict';
import {
  accuracyError,
  allOf,
  claimC1,
  claimC2,
  claimC3,
  claimC4,
  estimate,
  formatPercent,
  judge,
  type ThresholdPoint,
} from '../../lib/src/experiment/index.js';

describe('experiment/statistics', () => {
  it('estimates mean and standard deviation over seeds', () => {
    assert.deepEqual(estimate([1, 2, 3]), { mean: 2, sd: 1, n: 3 });
    assert.deepEqual(estimate([5]), { mean: 5, sd: 0, n: 1 });
    assert.equal(formatPercent(estimate([0.77, 0.79])), '78.0 ± 1.4%');
    assert.equal(formatPercent(estimate([0.771])), '77.1%');
  });

  it('judges by twice the standard error of seeds or of sampling, whichever is larger', () => {
    assert.equal(judge([0.1, 0.12, 0.11]), 'held');
    assert.equal(judge([-0.1, -0.12, -0.11]), 'not held');
    assert.equal(judge([0.1, -0.1, 0.05]), 'undecided');
    assert.equal(judge([0.01], 0.02), 'undecided');
    assert.equal(judge([0.05], 0.02), 'held');
    assert.equal(judge([0.02, 0.021, 0.02, 0.021], 0.05), 'undecided');
    assert.ok(Math.abs(accuracyError(0.5, 100) - 0.05) < 1e-12);
  });

  it('holds a claim of several parts only when all hold', () => {
    assert.equal(allOf(['held', 'held']), 'held');
    assert.equal(allOf(['held', 'undecided']), 'undecided');
    assert.equal(allOf(['undecided', 'not held']), 'not held');
  });
});

const point = (threshold: number, fp32: number, int4: number, seed = 1): ThresholdPoint => ({
  threshold,
  seed,
  fp32,
  quantized: { 4: int4 },
  images: 2000,
});

describe('experiment/claims', () => {
  const grid = [point(0.1, 0.6, 0.58), point(0.5, 0.75, 0.7), point(Infinity, 0.77, 0.12)];

  it('C3: a gap that a smaller s closes', () => {
    assert.equal(claimC3(grid, 4).verdict, 'held');
    assert.match(claimC3(grid, 4).evidence, /gap at 4 bits is 65\.0% .* 2\.0% at s = 0\.1/);
    assert.equal(claimC3([point(0.1, 0.6, 0.3), point(Infinity, 0.77, 0.77)], 4).verdict, 'not held');
  });

  it('C3 is undecided where every network has collapsed', () => {
    const claim = claimC3([point(0.1, 0.6, 0.1), point(Infinity, 0.77, 0.15)], 4);
    assert.equal(claim.verdict, 'undecided');
    assert.match(claim.evidence, /every network has lost more than half/);
  });

  it('C4: a smallest s that costs accuracy', () => {
    assert.equal(claimC4(grid, 4).verdict, 'held');
    assert.equal(
      claimC4([point(0.1, 0.76, 0.75), point(0.5, 0.75, 0.7), point(Infinity, 0.77, 0.12)], 4).verdict,
      'not held',
    );
    assert.equal(claimC4([point(0.1, 0.75, 0.7), point(0.5, 0.751, 0.71)], 4).verdict, 'undecided');
  });

  it('C1 and C2 from outlier reports', () => {
    const row = {
      block: 'stage1.0',
      weights: 576,
      maxAbs: 2,
      std: 0.1,
      reach: 20,
      kurtosis: 50,
      classAOfLargest: 1,
      classAOfAll: 0.014,
    };
    const clear = [{ ...row, identity: { maxRatio: 2, correlation: 0.99, otherShare: 0.05 } }, row];
    assert.equal(claimC1([clear]).verdict, 'held');
    assert.match(claimC1([clear]).evidence, /100\.0% of the largest 0\.1% of the weights; it is 1\.40%/);
    assert.equal(claimC2([clear]).verdict, 'held');
    const diffuse = [
      { ...row, classAOfLargest: 0.1, identity: { maxRatio: 2, correlation: 0.2, otherShare: 0.9 } },
    ];
    assert.equal(claimC1([diffuse]).verdict, 'not held');
    assert.equal(claimC2([diffuse]).verdict, 'not held');
  });
});
