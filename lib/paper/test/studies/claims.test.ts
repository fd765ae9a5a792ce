import assert from 'node:assert/strict';
import {
  accuracyError,
  allOf,
  claimC1,
  claimC2,
  claimC3,
  claimC4,
  claimC5,
  claimC6,
  claimC7,
  claimC8,
  claimC9,
  claimC10,
  claimC11,
  claimC12,
  estimate,
  formatPercent,
  formatPoints,
  judge,
  type LowBitPoint,
  type PtqPoint,
  rankCorrelation,
  type ThresholdPoint,
} from '../../src/claims/index.js';

describe('experiment/statistics', () => {
  it('estimates mean and standard deviation over seeds', () => {
    assert.deepEqual(estimate([1, 2, 3]), { mean: 2, sd: 1, n: 3 });
    assert.deepEqual(estimate([5]), { mean: 5, sd: 0, n: 1 });
    assert.equal(formatPercent(estimate([0.77, 0.79])), '78.0 ± 1.4%');
    assert.equal(formatPercent(estimate([0.771])), '77.1%');
    assert.equal(formatPoints(estimate([-0.02])), '−2.0 points');
    assert.equal(formatPoints(estimate([0.01, 0.03]), true), '+2.0 ± 1.4 points');
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
  bits: 4,
  accuracy: int4,
  images: 2000,
  stateSize: 100,
});

describe('experiment/claims', () => {
  const grid = [point(0.1, 0.6, 0.58), point(0.5, 0.75, 0.7), point(Infinity, 0.77, 0.12)];

  it('C3: a gap that a smaller s closes', () => {
    assert.equal(claimC3(grid, 4).verdict, 'held');
    assert.match(claimC3(grid, 4).evidence, /gap at 4 bits is 65\.0 points .* 2\.0 points at s = 0\.1/);
    assert.equal(claimC3([point(0.1, 0.6, 0.3), point(Infinity, 0.77, 0.77)], 4).verdict, 'not held');
  });

  it('says which bits there are where those of a claim are not', () => {
    assert.throws(() => claimC3(grid, 5), /no points at 5 bits, only at 4; run the study with bits: \[5\]/);
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
      peakToSigma: 20,
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

describe('experiment/claims, C5: the shape of curves', () => {
  const curve = (values: Record<string, number>): ThresholdPoint[] =>
    Object.entries(values).map(([s, int4]) => point(s === 'inf' ? Infinity : Number(s), int4 + 0.1, int4));
  const cifar = curve({ 0.1: 0.5, 0.5: 0.7, 1: 0.6, inf: 0.1 });

  it('correlates ranks, equal values sharing theirs', () => {
    assert.equal(rankCorrelation([1, 2, 3], [10, 20, 40]), 1);
    assert.equal(rankCorrelation([1, 2, 3], [3, 2, 1]), -1);
    assert.ok(Math.abs(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4]) - 0.9487) < 1e-4); // scipy.stats.spearmanr
    assert.equal(rankCorrelation([1, 1], [1, 2]), 0);
  });

  it('holds for curves that rise and fall alike, not for opposite ones, and is undecided for flat ones', () => {
    assert.equal(claimC5(cifar, curve({ 0.1: 0.2, 0.5: 0.4, 1: 0.3, inf: 0.05 }), 4).verdict, 'held');
    assert.equal(claimC5(cifar, curve({ 0.1: 0.3, 0.5: 0.1, 1: 0.2, inf: 0.6 }), 4).verdict, 'not held');
    const flat = claimC5(cifar, curve({ 0.1: 0.3, 0.5: 0.301, 1: 0.3, inf: 0.299 }), 4);
    assert.equal(flat.verdict, 'undecided');
    assert.match(flat.evidence, /flat within its error/);
  });
});

describe('experiment/claims, C6 to C8: PTQ methods', () => {
  const cell = (changes: Partial<PtqPoint>): PtqPoint => ({
    network: 'RepVGG',
    method: 'min–max',
    granularity: 'perTensor',
    threshold: Infinity,
    seed: 1,
    bits: 8,
    accuracy: 0.5,
    fp32: 0.7,
    stateSize: 2000,
    images: 2000,
    ...changes,
  });
  const table = [
    cell({}),
    cell({ threshold: 0.5, accuracy: 0.68 }),
    cell({ granularity: 'perChannel', accuracy: 0.6, stateSize: 180_000 }),
    cell({ granularity: 'perChannel', threshold: 0.5, accuracy: 0.69, stateSize: 180_000 }),
    cell({ network: 'QARepVGG', accuracy: 0.4 }),
    cell({ network: 'QARepVGG', granularity: 'perChannel', accuracy: 0.69 }),
  ];

  it('C6: every method gains, or one does not', () => {
    const held = claimC6(table, 8);
    assert.equal(held.verdict, 'held');
    assert.match(held.evidence, /2 of 2 methods gain.*from 9\.0 points to 18\.0 points/);
    const losing = [...table, cell({ method: 'KL' }), cell({ method: 'KL', threshold: 0.5, accuracy: 0.3 })];
    assert.equal(claimC6(losing, 8).verdict, 'not held');
    assert.match(claimC6(losing, 8).evidence, /Losing: KL/);
  });

  it('C7: the factor between the largest state size and the per-layer one', () => {
    assert.equal(claimC7(table, 8).verdict, 'held');
    assert.match(claimC7(table, 8).evidence, /180000 states, 90 times the per-layer 2000/);
    const small = table.map((point) => ({ ...point, stateSize: Math.min(point.stateSize, 10_000) }));
    assert.equal(claimC7(small, 8).verdict, 'not held');
  });

  it('C8: QARepVGG with many states, RepVGG with OABN under few', () => {
    assert.equal(claimC8(table, 8).verdict, 'held');
    const better = table.map((point) =>
      point.network === 'QARepVGG' && point.granularity === 'perTensor'
        ? { ...point, accuracy: 0.75 }
        : point,
    );
    assert.equal(claimC8(better, 8).verdict, 'not held');
  });
});

describe('experiment/claims, C9 to C11: low bits', () => {
  const cell = (
    method: LowBitPoint['method'],
    threshold: number,
    accuracy: number,
    bits = 3,
    seed = 1,
  ): LowBitPoint => ({ method, threshold, accuracy, bits, seed, fp32: 0.8, images: 2000, stateSize: 100 });

  it('C9: fails on plain BN and works with OABN; or works on both, which refutes it', () => {
    const cells = [cell('clusterQat', Infinity, 0.15), cell('clusterQat', 0.5, 0.7)];
    assert.equal(claimC9(cells, 3).verdict, 'held');
    assert.equal(
      claimC9([cell('clusterQat', Infinity, 0.7), cell('clusterQat', 0.5, 0.72)], 3).verdict,
      'not held',
    );
  });

  it('C10: ahead of uniform QAT at every width, and good at 3 bits', () => {
    const cells = [3, 4].flatMap((b) => [cell('clusterQat', 0.5, 0.76, b), cell('uniformQat', 0.5, 0.6, b)]);
    assert.equal(claimC10(cells, [4, 3]).verdict, 'held');
    assert.match(claimC10(cells, [4, 3]).evidence, /4 bits: 16\.0 points ahead \(held\)/);
    const poor = cells.map((point) => ({ ...point, accuracy: point.accuracy - 0.2 }));
    assert.equal(claimC10(poor, [4, 3]).verdict, 'not held');
    const behind = cells.map((point) =>
      point.method === 'uniformQat' ? { ...point, accuracy: 0.79 } : point,
    );
    assert.equal(claimC10(behind, [4, 3]).verdict, 'not held');
  });

  it('C11: little difference is within two points, beyond doubt', () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const cells = (other: number): LowBitPoint[] =>
      seeds.flatMap((seed) => [
        cell('uniformQat', Infinity, 0.5 + seed / 1e4, 4, seed),
        cell('uniformQat', 0.5, other + seed / 1e4, 4, seed),
      ]);
    assert.equal(claimC11(cells(0.48), 4).verdict, 'undecided');
    const large = (points: LowBitPoint[]): LowBitPoint[] =>
      points.map((each) => ({ ...each, images: 10_000 }));
    assert.equal(claimC11(large(cells(0.501)), 4).verdict, 'held');
    assert.equal(claimC11(cells(0.3), 4).verdict, 'not held');
    assert.equal(claimC11(cells(0.7), 4).verdict, 'not held');
  });
});

describe('experiment/claims, C12: the cost of training', () => {
  const base = { flops: 100, activationBytes: 1000, seconds: 1, secondsSpread: 0.02 };

  it('needs all three to be less', () => {
    const more = { flops: 120, activationBytes: 1200, seconds: 1.2, secondsSpread: 0.02 };
    assert.equal(claimC12(base, more).verdict, 'held');
    assert.equal(claimC12(base, { ...more, flops: 80 }).verdict, 'not held');
    const noisy = claimC12(base, { ...more, secondsSpread: 0.6 });
    assert.equal(noisy.verdict, 'undecided');
    assert.match(noisy.evidence, /within the spread of the rounds/);
  });
});
