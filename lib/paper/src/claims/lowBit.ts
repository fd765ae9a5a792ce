/** C9, C10 and C11: uniform QAT and ClusterQAT at low bits (tables 5 and 6, figure 8). */
import { check } from 'oabn-base';
import {
  allOf,
  bestOf,
  effectOf,
  greater,
  type Judged,
  little,
  type MeanEstimate,
  percentOf,
  pointsOf,
  sameSeeds,
} from '../statistics/index.js';
import {
  atBits,
  type Claim,
  claimOf,
  jointClaim,
  type ClaimPart,
  effectIn,
  effectOn,
  formatThreshold,
  fp32Of,
  hurtBy,
  hurtFrom,
  imagesNote,
  networksAt,
  quantizedOf,
  type QuantizedPoint,
  replicated,
  thresholdsOf,
} from './claim.js';

/** How weights reach low bits: without training, or by fine-tuning with uniform or clustered weights. */
export type LowBitMethod = 'ptq' | 'uniformQat' | 'clusterQat';

/** One cell of the low-bit tables. */
export interface LowBitPoint extends QuantizedPoint {
  /** How the weights reached low bits. */
  readonly method: LowBitMethod;
}

/** ClusterQAT at one learning rate of its fine-tuning. */
export interface RatedPoint extends QuantizedPoint {
  /** The highest rate of fine-tuning. */
  readonly learningRate: number;
}

const cells = (points: readonly LowBitPoint[], bits: number, method: LowBitMethod): LowBitPoint[] =>
  replicated(atBits(points, bits).filter((point) => point.method === method));

/** The best s of OABN, chosen on other seeds and images. */
function bestLimited(points: readonly QuantizedPoint[]): { networks: Judged[]; chosen: number[] } {
  const limited = points.filter((point) => point.threshold < Infinity);
  return bestOf(thresholdsOf(limited).map((s) => ({ name: s, networks: networksAt(limited, s) })));
}

const minus = (left: readonly Judged[], right: readonly Judged[]): MeanEstimate =>
  effectOf(
    sameSeeds(left, right).map(([a, b]) => [
      [1, a.quantized],
      [-1, b.quantized],
    ]),
  );

/** Quantized accuracy less a share of FP32. */
const beyond = (networks: readonly Judged[], share: number, sign = 1): MeanEstimate =>
  effectOn(networks, ({ quantized, fp32 }) => [
    [sign, quantized],
    [-sign * share, fp32],
  ]);

/**
 * C9: after ClusterQAT, a network pretrained with plain BN has lost more than half of its FP32 accuracy, and
 * the best one pretrained with OABN has not. `rates`: ClusterQAT at several learning rates of fine-tuning,
 * because a rate that is too high can make plain BN fail where a lower one does not.
 */
export function claimC9(
  points: readonly LowBitPoint[],
  bits: readonly number[],
  rates: readonly RatedPoint[] = [],
): Claim {
  return claimOf({
    id: 'C9',
    statement: 'ClusterQAT helps only a network pretrained with OABN; on plain BN it fails at low bits.',
    rule:
      'Held: after ClusterQAT plain BN has lost more than half of its FP32 accuracy, and OABN at its best s (chosen on other seeds and images) ' +
      `has not. Precondition: uniform PTQ takes at least ${100 * hurtFrom} points from plain BN.${imagesNote(points)}`,
    parts: [
      ...bits.map((b) => {
        const plain = cells(points, b, 'ptq').filter(({ threshold }) => threshold === Infinity);
        return helping(cells(points, b, 'clusterQat'), `${b} bits`, networksAt(plain, Infinity));
      }),
      ...byRate(rates).map((at) => helping(at, `${at[0]!.bits} bits, learning rate ${at[0]!.learningRate}`)),
    ],
  });
}

/** The points of each rate and number of bits that has plain BN, and OABN with its seeds, by bits and then by rate. */
function byRate(rates: readonly RatedPoint[]): RatedPoint[][] {
  const groups = new Map<string, RatedPoint[]>();
  for (const point of rates) {
    const key = `${point.bits} ${point.learningRate}`;
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  return [...groups.values()]
    .map(replicated)
    .filter((at) => thresholdsOf(at).length > 1 && thresholdsOf(at).includes(Infinity))
    .sort(([a], [b]) => b!.bits - a!.bits || a!.learningRate - b!.learningRate);
}

function helping(cluster: readonly QuantizedPoint[], name: string, untrained?: readonly Judged[]): ClaimPart {
  const plain = networksAt(cluster, Infinity);
  const best = bestLimited(cluster);
  const hurt = untrained && hurtBy(untrained);
  const tests = [greater(beyond(plain, 0.5, -1)), greater(beyond(best.networks, 0.5))];
  return {
    name,
    verdict: hurt && !hurt.met ? 'precondition not met' : allOf(tests),
    ...effectIn(beyond(plain, 0.5), (kept) => `on plain BN ${pointsOf(kept)} beyond half of FP32`),
    evidence:
      `ClusterQAT gives ${percentOf(quantizedOf(plain))} on plain BN (FP32 ${percentOf(fp32Of(plain))}) and ` +
      `${percentOf(quantizedOf(best.networks))} at s = ${best.chosen.map(formatThreshold).join(' or ')} (FP32 ${percentOf(fp32Of(best.networks))}): ` +
      `${pointsOf(minus(best.networks, plain))}.${hurt && !hurt.met ? ` Not judged: ${hurt.text}.` : ''}`,
  };
}

/** The share of FP32 that is good at 3 bits. */
const good = 0.9;

/**
 * C10: ClusterQAT beats uniform QAT at each of `bits`, each at its best s (chosen on other seeds and images);
 * and at 3 bits, if among them, it keeps nine tenths of FP32.
 */
export function claimC10(points: readonly LowBitPoint[], bits: readonly number[]): Claim {
  const parts = bits.map((b) => {
    const cluster = bestLimited(cells(points, b, 'clusterQat'));
    const uniform = bestLimited(cells(points, b, 'uniformQat'));
    const ahead = minus(cluster.networks, uniform.networks);
    const part: ClaimPart = {
      name: `${b} bits`,
      verdict: greater(ahead).verdict,
      ...effectIn(ahead),
      evidence:
        `ClusterQAT has ${percentOf(quantizedOf(cluster.networks))} (s = ${cluster.chosen.map(formatThreshold).join(' or ')}), uniform QAT ` +
        `${percentOf(quantizedOf(uniform.networks))} (s = ${uniform.chosen.map(formatThreshold).join(' or ')}).`,
    };
    return { b, part, test: greater(ahead), networks: cluster.networks };
  });
  const three = parts.find(({ b }) => b === 3);
  const kept = three && beyond(three.networks, good);
  const recovered: ClaimPart[] = three
    ? [
        {
          name: '3 bits recover',
          verdict: greater(kept!).verdict,
          ...effectIn(kept!),
          evidence: `At 3 bits ClusterQAT has ${percentOf(quantizedOf(three.networks))} of ${percentOf(fp32Of(three.networks))} FP32; the effect is beyond nine tenths of it.`,
        },
      ]
    : [];
  return jointClaim(
    {
      id: 'C10',
      statement:
        'With OABN, ClusterQAT beats uniform QAT at low bits, and even 3 bits recover good accuracy.',
      rule:
        'Held: ClusterQAT is ahead at each number of bits, both at their best s (chosen on other seeds and images), and at 3 bits it keeps more ' +
        `than ${100 * good}% of FP32. Not held: one of these is refuted after Holm’s correction.${imagesNote(points)}`,
      parts: [...parts.map(({ part }) => part), ...recovered],
    },
    allOf([...parts.map(({ test }) => test), ...(kept ? [greater(kept)] : [])]),
    parts.map(({ part }) => part),
  );
}

/** The difference in accuracy that C11 counts as little. */
export const littleBelow = 0.02;

/** C11: after uniform QAT, no s of the grid is more than 2 points from plain BN. */
export function claimC11(points: readonly LowBitPoint[], bits: readonly number[]): Claim {
  return claimOf({
    id: 'C11',
    statement: 'For uniform QAT, changing s makes little difference.',
    rule:
      `Held: every s is within ${100 * littleBelow} points of plain BN (an equivalence test each). Not held: one is further away after Holm’s ` +
      `correction.${imagesNote(points)}`,
    parts: bits.map((b) => littleChanged(cells(points, b, 'uniformQat'), b)),
  });
}

function littleChanged(uniform: readonly LowBitPoint[], bits: number): ClaimPart {
  const plain = networksAt(uniform, Infinity);
  const differences = thresholdsOf(uniform)
    .filter((threshold) => threshold < Infinity)
    .map((threshold) => ({ threshold, from: minus(networksAt(uniform, threshold), plain) }));
  check(differences.length > 0, () => `Only plain BN was fine-tuned at ${bits} bits; run another s too`);
  const most = differences.reduce((a, b) => (Math.abs(b.from.mean) > Math.abs(a.from.mean) ? b : a));
  return {
    name: `${bits} bits`,
    verdict: allOf(differences.map(({ from }) => little(from, littleBelow))),
    ...effectIn(most.from, (from) =>
      differences.length > 1
        ? `largest difference ${pointsOf(from)}`
        : `${pointsOf(from)} at s = ${most.threshold}`,
    ),
    evidence:
      `Against plain BN (${percentOf(quantizedOf(plain))}): ` +
      `${differences.map(({ threshold, from }) => `s = ${threshold} ${pointsOf(from)}`).join('; ')}.`,
  };
}
