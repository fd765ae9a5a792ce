import assert from 'node:assert/strict';
import { packBits, random } from 'oabn-base';
import {
  claimC1,
  claimC10,
  claimC11,
  claimC12,
  claimC2,
  claimC3,
  claimC4,
  claimC5,
  claimC6,
  claimC7,
  claimC8,
  claimC9,
  estimate,
  formatPercent,
  type LowBitPoint,
  type PtqPoint,
  rankCorrelation,
  replicated,
  type ThresholdPoint,
  thresholdsOf,
} from '../../src/claims/index.js';

const images = 2000;

/** Three networks that are right on the same images but for a few, each seed on others. */
function points<P extends object>(fields: P & { fp32: number; accuracy: number }): (P & ThresholdPoint)[] {
  return [1, 2, 3].map((seed) => {
    const right = (accuracy: number, of: string): string => {
      const draw = random(seed, of);
      const flags = Array.from({ length: images }, (_, i) => i < Math.round(accuracy * images));
      for (let k = 0; k < 4; k++) flags[Math.floor(draw.uniform() * images)] = k % 2 === 0;
      return packBits(flags);
    };
    return {
      ...{ threshold: Infinity, bits: 4, stateSize: 100, images, seed },
      ...fields,
      right: right(fields.accuracy, 'quantized'),
      fp32Right: right(fields.fp32, 'FP32'),
    };
  });
}

const at = (threshold: number, fp32: number, accuracy: number): ThresholdPoint[] =>
  points({ threshold, fp32, accuracy });

describe('claims on a grid that is not whole', () => {
  const curve = [0.25, 0.1, 0.5, Infinity].flatMap((s) => at(s, 0.8, s === Infinity ? 0.5 : 0.7));
  const without = (threshold: number, ...seeds: number[]) =>
    curve.filter((point) => point.threshold !== threshold || !seeds.includes(point.seed));

  it('compare thresholds that have every seed of plain BN', () => {
    assert.deepEqual(thresholdsOf(replicated(without(0.25, 2, 3))), [0.1, 0.5, Infinity]);
    assert.deepEqual(claimC4(without(0.25, 2, 3), [4]), claimC4(without(0.25, 1, 2, 3), [4]));
    assert.equal(claimC3(without(0.25, 2, 3), [4]).verdict, 'held');
  });

  it('take no seed that plain BN does not have', () => {
    const seeds = replicated(without(Infinity, 3)).map(({ seed }) => seed);
    assert.deepEqual([...new Set(seeds)], [1, 2]);
  });
});

describe('claims/spread', () => {
  it('is a mean and a standard deviation over seeds', () => {
    assert.deepEqual(estimate([1, 2, 3]), { mean: 2, sd: 1, n: 3 });
    assert.deepEqual(estimate([5]), { mean: 5, sd: 0, n: 1 });
    assert.equal(formatPercent(estimate([0.77, 0.79])), '78.0 ± 1.4%');
    assert.equal(formatPercent(estimate([0.771])), '77.1%');
  });
});

describe('claims C1 and C2: outliers', () => {
  const row = {
    ...{ block: 'stage1.0', weights: 576, maxAbs: 2, std: 0.1, peakToSigma: 20, kurtosis: 50 },
    ...{ classAOfLargest: 1, classAOfAll: 0.014 },
  };
  const clear = [{ ...row, identity: { maxRatio: 2, correlation: 0.99, otherShare: 0.05 } }, row];
  const diffuse = [
    { ...row, classAOfLargest: 0.1, identity: { maxRatio: 2, correlation: 0.2, otherShare: 0.9 } },
  ];

  it('hold where class A has the largest weights and r0 makes them', () => {
    assert.equal(claimC1([clear, clear]).verdict, 'held');
    assert.match(
      claimC1([clear, clear]).parts[0]!.evidence,
      /100\.0% \[100\.0, 100\.0\] of the largest 0\.1%.*1\.40%/,
    );
    assert.equal(claimC2([clear, clear]).verdict, 'held');
    assert.equal(claimC1([diffuse, diffuse]).verdict, 'not held');
    assert.equal(claimC2([diffuse, diffuse]).verdict, 'not held');
  });

  it('are undecided on one seed', () => {
    const { verdict, effect } = claimC1([clear]);
    assert.deepEqual([verdict, effect], ['undecided', '100.0% (one seed)']);
  });
});

describe('claims C3 and C4: accuracy over s', () => {
  const grid = [...at(0.1, 0.6, 0.58), ...at(0.5, 0.75, 0.7), ...at(Infinity, 0.77, 0.12)];

  it('C3: a gap that a smaller s closes', () => {
    const { verdict, effect, parts } = claimC3(grid, [4]);
    assert.equal(verdict, 'held');
    assert.match(effect, /^\+62\.9 points \[60\.8, 65\.0\]$/);
    assert.match(
      parts[0]!.evidence,
      /gap at 4 bits is \+6\d\.\d points \[.* with plain BN and \+[12]\.\d points \[.* at s = 0\.1/,
    );
    const opening = [...at(0.1, 0.6, 0.3), ...at(Infinity, 0.77, 0.72)];
    assert.equal(claimC3(opening, [4]).verdict, 'not held');
  });

  it('C3 says the same gaps for two seeds as for three', () => {
    const two = claimC3(
      grid.filter(({ seed }) => seed < 3),
      [4],
    );
    assert.match(two.parts[0]!.evidence, /gap at 4 bits is \+6[45]\.\d points \[.* with plain BN/);
  });

  it('C3 is not judged where plain BN is not hurt, or every network has collapsed', () => {
    const unhurt = claimC3([...at(0.1, 0.6, 0.6), ...at(Infinity, 0.77, 0.765)], [4]);
    assert.equal(unhurt.verdict, 'precondition not met');
    assert.match(unhurt.parts[0]!.evidence, /plain BN loses 0\.\d points .*; 2 points are needed/);
    const collapsed = claimC3([...at(0.1, 0.6, 0.1), ...at(Infinity, 0.77, 0.15)], [4]);
    assert.equal(collapsed.verdict, 'precondition not met');
  });

  it('speaks at the first bits whose precondition is met', () => {
    const eight = [...at(0.1, 0.6, 0.6), ...at(Infinity, 0.77, 0.77)].map((p) => ({ ...p, bits: 8 }));
    const claim = claimC3([...eight, ...grid], [8, 4]);
    assert.deepEqual([claim.verdict, claim.at], ['held', '4 bits']);
    assert.deepEqual(
      claim.parts.map(({ verdict }) => verdict),
      ['precondition not met', 'held'],
    );
  });

  it('says which bits there are where those of a claim are not', () => {
    assert.throws(() => claimC3(grid, [5]), /no points at 5 bits, only at 4; run the study with bits: \[5\]/);
  });

  it('does not decide on two networks without images, nor divide their error by the seeds', () => {
    const bare = grid.map(({ right: _, fp32Right: __, ...point }) => point);
    assert.match(claimC3(bare, [4]).rule, /did not store which images/);
    const narrow = claimC3(bare, [4]).parts[0]!.interval!;
    // All seeds have the same accuracies: what is left is the images' error, of four accuracies.
    const p = [0.77, 0.12, 0.6, 0.58].reduce((sum, a) => sum + (a * (1 - a)) / images, 0);
    assert.ok(Math.abs((narrow.high - narrow.low) / 2 - 1.96 * Math.sqrt(p)) < 1e-4);
  });

  it('C4: a smallest s that costs accuracy in FP32 and quantized', () => {
    assert.equal(claimC4(grid, [4]).verdict, 'held');
    assert.match(claimC4(grid, [4]).parts[0]!.evidence, /best s of the others is 0\.5;/);
    const best = [...at(0.1, 0.76, 0.75), ...at(0.5, 0.75, 0.7), ...at(Infinity, 0.77, 0.12)];
    assert.equal(claimC4(best, [4]).verdict, 'not held');
    assert.equal(claimC4([...at(0.1, 0.75, 0.7), ...at(0.5, 0.751, 0.701)], [4]).verdict, 'undecided');
  });
});

describe('claim C5: the shape of curves', () => {
  const curve = (values: Record<string, number>): ThresholdPoint[] =>
    Object.entries(values).flatMap(([s, int4]) => at(s === 'inf' ? Infinity : Number(s), int4 + 0.1, int4));
  const cifar = curve({ 0.1: 0.5, 0.5: 0.7, 1: 0.6, inf: 0.1 });

  it('correlates ranks, equal values sharing theirs', () => {
    assert.equal(rankCorrelation([1, 2, 3], [10, 20, 40]), 1);
    assert.equal(rankCorrelation([1, 2, 3], [3, 2, 1]), -1);
    assert.ok(Math.abs(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4]) - 0.9487) < 1e-4); // scipy.stats.spearmanr
    assert.equal(rankCorrelation([1, 1], [1, 2]), 0);
  });

  it('holds for curves that rise and fall alike, not for opposite ones, and is undecided for flat ones', () => {
    const alike = claimC5(cifar, curve({ 0.1: 0.25, 0.5: 0.35, 1: 0.3, inf: 0.05 }), [4]);
    assert.equal(alike.verdict, 'held');
    assert.match(alike.effect, /^slope 2\.0\d \[/);
    assert.equal(claimC5(cifar, curve({ 0.1: 0.3, 0.5: 0.1, 1: 0.2, inf: 0.6 }), [4]).verdict, 'not held');
    const flat = claimC5(cifar, curve({ 0.1: 0.3, 0.5: 0.3, 1: 0.3, inf: 0.3 }), [4]);
    assert.equal(flat.verdict, 'undecided');
  });
});

describe('claims C6 to C8: PTQ methods', () => {
  const cell = (changes: Partial<PtqPoint>): PtqPoint[] =>
    points({
      ...({ network: 'RepVGG', method: 'min–max', granularity: 'perTensor' } as const),
      ...{ bits: 8, accuracy: 0.5, fp32: 0.7, stateSize: 2000 },
      ...changes,
    });
  const table = [
    ...cell({}),
    ...cell({ threshold: 0.5, accuracy: 0.68 }),
    ...cell({ granularity: 'perChannel', accuracy: 0.6, stateSize: 180_000 }),
    ...cell({ granularity: 'perChannel', threshold: 0.5, accuracy: 0.69, stateSize: 180_000 }),
    ...cell({ network: 'QARepVGG', accuracy: 0.4 }),
    ...cell({ network: 'QARepVGG', granularity: 'perChannel', accuracy: 0.69 }),
  ];

  it('C6: every method that hurts plain BN gains, or one loses', () => {
    const held = claimC6(table, [8]);
    assert.equal(held.verdict, 'held');
    assert.match(
      held.parts[0]!.evidence,
      /Of 2 methods 2 hurt plain BN; of these 2 gain and 0 lose.* from \+9\.0 points/,
    );
    const losing = [
      ...table,
      ...cell({ method: 'KL' }),
      ...cell({ method: 'KL', threshold: 0.5, accuracy: 0.3 }),
    ];
    assert.equal(claimC6(losing, [8]).verdict, 'not held');
    assert.match(claimC6(losing, [8]).parts[0]!.evidence, /Losing: KL/);
  });

  it('C6 sets aside what does not hurt plain BN, and does not count a difference in FP32', () => {
    const worse = [...cell({ accuracy: 0.695 }), ...cell({ threshold: 0.5, fp32: 0.6, accuracy: 0.595 })];
    const { verdict, parts } = claimC6(worse, [8]);
    assert.equal(verdict, 'precondition not met');
    assert.match(parts[0]!.evidence, /No method takes 2 points from plain BN at 8 bits/);
  });

  it('C7: a factor of about 100 between the largest state size and the per-layer one', () => {
    assert.equal(claimC7(table, [8]).verdict, 'held');
    assert.match(
      claimC7(table, [8]).parts[0]!.evidence,
      /180000 states, × 90 \[90, 90\] of the per-layer 2000/,
    );
    const small = table.map((point) => ({ ...point, stateSize: Math.min(point.stateSize, 10_000) }));
    assert.equal(claimC7(small, [8]).verdict, 'not held');
  });

  it('C7: networks of one seed count once, whatever their s', () => {
    const ofOneSeed = table.filter(({ seed }) => seed === table[0]!.seed);
    const { verdict, effect } = claimC7(ofOneSeed, [8]).parts[0]!;
    assert.deepEqual([verdict, effect], ['undecided', '× 90 (one seed)']);
  });

  it('C8: QARepVGG with many states, RepVGG with OABN under few', () => {
    assert.equal(claimC8(table, [8]).verdict, 'held');
    const better = [
      ...table.filter(({ network, granularity }) => network !== 'QARepVGG' || granularity === 'perChannel'),
      ...cell({ network: 'QARepVGG', accuracy: 0.75 }),
    ];
    assert.equal(claimC8(better, [8]).verdict, 'not held');
  });
});

describe('claims C9 to C11: low bits', () => {
  const cell = (
    method: LowBitPoint['method'],
    threshold: number,
    accuracy: number,
    bits = 3,
  ): LowBitPoint[] => points({ method, threshold, accuracy, bits, fp32: 0.8 });
  const ptq = cell('ptq', Infinity, 0.1);

  it('C9: fails on plain BN and works with OABN; or works on both, which refutes it', () => {
    const cells = [...ptq, ...cell('clusterQat', Infinity, 0.15), ...cell('clusterQat', 0.5, 0.7)];
    assert.equal(claimC9(cells, [3]).verdict, 'held');
    const both = [...ptq, ...cell('clusterQat', Infinity, 0.7), ...cell('clusterQat', 0.5, 0.72)];
    assert.equal(claimC9(both, [3]).verdict, 'not held');
    // The effect is what the verdict rests on.
    assert.match(claimC9(both, [3]).effect, /^on plain BN \+\d+\.\d points .* beyond half of FP32$/);
    const unhurt = [...cell('ptq', Infinity, 0.79), ...both.slice(3)];
    assert.equal(claimC9(unhurt, [3]).verdict, 'precondition not met');
  });

  it('C9 is asked at each learning rate, too', () => {
    const cells = [...ptq, ...cell('clusterQat', Infinity, 0.7), ...cell('clusterQat', 0.5, 0.72)];
    const rated = (learningRate: number, plain: number) =>
      [...cell('clusterQat', Infinity, plain, 4), ...cell('clusterQat', 0.5, 0.7, 4)].map((point) => ({
        ...point,
        learningRate,
      }));
    const { parts } = claimC9(cells, [3], [...rated(1e-2, 0.1), ...rated(1e-3, 0.7)]);
    assert.deepEqual(
      parts.map(({ name, verdict }) => `${name}: ${verdict}`),
      ['3 bits: not held', '4 bits, learning rate 0.001: not held', '4 bits, learning rate 0.01: held'],
    );
  });

  it('C9 leaves out a learning rate that does not have the seeds of plain BN yet', () => {
    const cells = [...ptq, ...cell('clusterQat', Infinity, 0.7), ...cell('clusterQat', 0.5, 0.72)];
    const rated = (learningRate: number, plainSeeds: number, limitedSeeds: number) =>
      [
        ...cell('clusterQat', Infinity, 0.7, 4).slice(0, plainSeeds),
        ...cell('clusterQat', 0.5, 0.7, 4).slice(0, limitedSeeds),
      ].map((point) => ({ ...point, learningRate }));
    const { parts } = claimC9(cells, [3], [...rated(1e-2, 1, 2), ...rated(1e-3, 2, 1)]);
    assert.deepEqual(
      parts.map(({ name, verdict }) => `${name}: ${verdict}`),
      ['3 bits: not held', '4 bits, learning rate 0.01: undecided'],
    );
  });

  it('C10: ahead of uniform QAT at every width, and good at 3 bits', () => {
    const cells = (cluster: number, uniform: number): LowBitPoint[] =>
      [3, 4].flatMap((b) => [...cell('clusterQat', 0.5, cluster, b), ...cell('uniformQat', 0.5, uniform, b)]);
    const held = claimC10(cells(0.76, 0.6), [4, 3]);
    assert.equal(held.verdict, 'held');
    assert.match(held.effect, /^4 bits \+16\.\d points \[.*\], 3 bits \+16/);
    assert.equal(claimC10(cells(0.56, 0.4), [4, 3]).verdict, 'not held');
    assert.equal(claimC10(cells(0.76, 0.79), [4, 3]).verdict, 'not held');
  });

  it('C11: little difference is within two points, by an equivalence test', () => {
    const cells = (other: number): LowBitPoint[] => [
      ...cell('uniformQat', Infinity, 0.5, 4),
      ...cell('uniformQat', 0.5, other, 4),
    ];
    assert.equal(claimC11(cells(0.501), [4]).verdict, 'held');
    assert.equal(claimC11(cells(0.48), [4]).verdict, 'undecided');
    assert.equal(claimC11(cells(0.3), [4]).verdict, 'not held');
    assert.equal(claimC11(cells(0.7), [4]).verdict, 'not held');
  });
});

describe('claim C12: the cost of training', () => {
  const base = { flops: 100, activationBytes: 1000, seconds: [1, 1.02, 0.99] };

  it('needs all three to be less', () => {
    const more = { flops: 120, activationBytes: 1200, seconds: [1.2, 1.22, 1.21] };
    assert.equal(claimC12(base, more).verdict, 'held');
    assert.equal(claimC12(base, { ...more, flops: 80 }).verdict, 'not held');
    assert.equal(claimC12(base, { ...more, seconds: [1.2, 0.9, 1.1] }).verdict, 'undecided');
  });

  it('is refuted by counted operations, whatever the clock says', () => {
    for (const seconds of [
      [0.5, 0.5, 0.5],
      [1, 1, 1],
      [2, 1, 3],
    ]) {
      const claim = claimC12({ ...base, flops: 100.5 }, { ...base, seconds });
      assert.equal(claim.verdict, 'not held');
      assert.match(claim.effect, /^operations of a step × 1\.00?5?, activation memory × 1, time/);
    }
  });
});
