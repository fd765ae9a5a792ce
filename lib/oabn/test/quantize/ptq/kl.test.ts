import assert from 'node:assert/strict';
import { random } from 'oabn-base';
import { ptqMethods } from '../../../src/quantize/index.js';
import { cfwsDivergence } from '../../../src/quantize/ptq/cfws.js';
import { addToHistogram, emptyHistogram } from '../../../src/quantize/ptq/histogram.js';
import { klDivergence, klThreshold } from '../../../src/quantize/ptq/kl.js';
import { clipToPercentile, percentileMethod } from '../../../src/quantize/ptq/percentile.js';
import { assertClose } from '../../golden/index.js';
import { blockInputs, problem } from './problem.js';

/** Exponential values with a few far beyond. */
function longTail(seed: number, n = 20_000): Float32Array {
  const stream = random(seed, 'tail');
  const values = Float32Array.from({ length: n }, () => Math.max(0, -Math.log(1 - stream.uniform()) - 0.2));
  for (let i = 0; i < 5; i++) values[i] = 30 + 5 * i;
  return values;
}

function histogramOf(values: Float32Array) {
  const histogram = emptyHistogram(values.reduce((a, b) => Math.max(a, b)));
  addToHistogram(histogram, values);
  return histogram;
}

/**
 * The threshold of least divergence as the slides say it, value by value and with no sum shared between
 * thresholds.
 */
function bruteForce(values: Float32Array, levels: number): number {
  const max = values.reduce((a, b) => Math.max(a, b));
  const positive = values.filter((x) => x > 0);
  const binOf = (x: number): number => Math.min(2047, Math.floor((x * 2048) / max));
  const bins: number[] = new Array(2048).fill(0);
  for (const x of positive) bins[binOf(x)]!++;
  let [best, least] = [0, Infinity];
  for (let i = levels; i <= 2048; i++) {
    const reference = bins.slice(0, i);
    const groups = new Map<number, number[]>();
    // Level of bin j: the last one that begins at or before it.
    for (let j = 0; j < i; j++) {
      if (bins[j] === 0) continue;
      let level = 0;
      while (level + 1 < levels && Math.floor(((level + 1) * i) / levels) <= j) level++;
      groups.set(level, [...(groups.get(level) ?? []), j]);
    }
    const candidate: number[] = new Array(i).fill(0);
    for (const members of groups.values()) {
      const mass = members.reduce((sum, j) => sum + bins[j]!, 0);
      for (const j of members) candidate[j] = mass / members.length;
    }
    reference[i - 1]! += bins.slice(i).reduce((a, b) => a + b, 0);
    const [p, q] = [reference, candidate].map((counts) => {
      const mass = counts.reduce((a, b) => a + b, 0);
      return counts.map((count) => count / mass);
    }) as [number[], number[]];
    const divergence = p.reduce((sum, each, j) => sum + (each > 0 ? each * Math.log(each / q[j]!) : 0), 0);
    if (divergence < least) [best, least] = [i, divergence];
  }
  return Math.min(max, ((best + 0.5) * max) / 2048);
}

describe('quantize/ptq/kl', () => {
  it('picks the threshold that a brute force picks', function () {
    this.timeout(180_000);
    for (const levels of [16, 64]) {
      const values = longTail(levels, 2000);
      assert.equal(klThreshold(histogramOf(values), levels), bruteForce(values, levels), `${levels} levels`);
    }
  });

  it('leaves a uniform distribution whole, and cuts a long tail shorter at fewer levels', () => {
    const uniform = histogramOf(Float32Array.from({ length: 40_960 }, (_, i) => ((i % 2048) + 0.5) / 2048));
    assert.ok(klThreshold(uniform, 16) > 0.99 * uniform.max);
    const tail = histogramOf(longTail(1));
    const [few, many] = [klThreshold(tail, 16), klThreshold(tail, 256)];
    assert.ok(few <= many && many < 0.6 * tail.max && few > 1, `${few}, ${many} of ${tail.max}`);
  });

  it('has the divergence of a pair that a person can check', () => {
    // (1/2, 1/2) against (1/4, 3/4): ½·ln 2 + ½·ln(2/3). As counts: (3, 3) against (1, 3).
    const pair = { sumP: 6, sumQ: 4, overlap: 6, difference: 3 * Math.log(3) };
    assertClose([klDivergence(pair)], [0.5 * Math.log(2) + 0.5 * Math.log(2 / 3)], 1e-12);
    assert.equal(klDivergence({ ...pair, overlap: 5 }), Infinity);
  });

  it("CFWS's metric counts mass beyond the threshold against it and passes over empty bins", () => {
    // (4, 4, 2) against (4, 4, 0): 8/10 of the mass agrees, and ΣP/ΣQ = 10/8.
    const pair = { sumP: 10, sumQ: 8, overlap: 8, difference: 0 };
    assertClose([cfwsDivergence(pair)], [0.8 * Math.log(10 / 8)], 1e-12);
    assert.equal(cfwsDivergence({ sumP: 8, sumQ: 8, overlap: 8, difference: 0 }), 0);
  });
});

describe('quantize/ptq/percentile', () => {
  it('ends each range where that share of the values lies below', async () => {
    const given = problem({ bits: 4 });
    const { activations, stateDict } = await percentileMethod({ percentile: 99 }).quantize(given);
    const inputs = blockInputs(given.merged, given.calibration.images);
    Object.values(activations).forEach(({ min, max }, block) => {
      const share = inputs[block]!.filter((x) => x <= max).length / inputs[block]!.length;
      assert.equal(min, 0);
      assert.ok(Math.abs(share - 0.99) < 1e-3, `${share}`);
    });
    const minMax = await ptqMethods.minMax.quantize(given);
    assert.deepEqual(stateDict, minMax.stateDict);
  });

  it('can clip weights, and refuses what is no percentage', () => {
    const weights = Float32Array.from({ length: 100 }, (_, i) => (i % 2 ? 1 : -1) * (i + 1));
    const clipped = clipToPercentile(weights, 90);
    assert.deepEqual([clipped[99], clipped[98], clipped[89], clipped[3]], [90, -90, 90, 4]);
    assert.throws(() => percentileMethod({ percentile: 0 }), /A percentile must be in \(0, 100\], got 0/);
  });
});
