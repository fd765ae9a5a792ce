/** C6, C7 and C8: published PTQ methods on RepVGG, RepVGG with OABN and QARepVGG (table 3). */
import type { Granularity } from 'oabn/quantize';
import {
  allOf,
  areGreater,
  bestOf,
  effectOf,
  greater,
  intervalOf,
  type Judged,
  little,
  type MeanEstimate,
  ofUnknownError,
  percentOf,
  pointsOf,
  sameSeeds,
  seedMean,
} from '../statistics/index.js';
import {
  atBits,
  type Claim,
  claimOf,
  type ClaimPart,
  effectIn,
  effectOn,
  formatThreshold,
  fp32Of,
  gap,
  hurtFrom,
  imagesNote,
  networksAt,
  quantizedOf,
  type QuantizedPoint,
  thresholdsOf,
} from './claim.js';
import { estimate } from './spread.js';

/** The networks of Table 3. */
export type NetworkKind = 'RepVGG' | 'QARepVGG';

/** One cell of table 3. */
export interface PtqPoint extends QuantizedPoint {
  /** The kind of network. */
  readonly network: NetworkKind;
  /** Its name in tables. */
  readonly method: string;
  /** What shares a weight quantizer. */
  readonly granularity: Granularity;
  /** Where the method comes from, and its steps for each unit if it learns. */
  readonly source?: string;
  /** Its steps for each unit, if it learns. */
  readonly iterations?: number;
}

/** A method with one granularity: a row of table 3. */
interface TableRow {
  readonly name: string;
  readonly points: readonly PtqPoint[];
}

function rowsOf(points: readonly PtqPoint[]): TableRow[] {
  const rows = new Map<string, PtqPoint[]>();
  for (const point of points) {
    const name = `${point.method}${point.granularity === 'perChannel' ? ', per channel' : ''}`;
    rows.set(name, [...(rows.get(name) ?? []), point]);
  }
  return [...rows].map(([name, of]) => ({ name, points: of }));
}

const repVGG = (points: readonly PtqPoint[]): PtqPoint[] =>
  points.filter((point) => point.network === 'RepVGG');
const limited = (points: readonly PtqPoint[]): PtqPoint[] =>
  points.filter((point) => point.threshold < Infinity);

/**
 * C6: every method gains from OABN, at the s that suits it best among those tried (chosen on other seeds and
 * images). What is compared is how much quantization takes from each network, so that a difference of the
 * FP32 networks, which all methods share, is not counted once for each of them; it is stated separately.
 */
export function claimC6(all: readonly PtqPoint[], bits: readonly number[]): Claim {
  return claimOf({
    id: 'C6',
    statement: 'Every PTQ method gains from OABN.',
    rule:
      'Held: with each method, quantization takes less from the network with OABN than from plain BN. Precondition: the method takes at least ' +
      `${100 * hurtFrom} points from plain BN; methods that take less are set aside. Not held: one method loses after Holm’s correction over all of them.${imagesNote(all)}`,
    parts: bits.map((b) => gaining(repVGG(atBits(all, b)), b)),
  });
}

function gaining(points: readonly PtqPoint[], bits: number): ClaimPart {
  const rows = rowsOf(points).map(({ name, points: of }) => {
    const plain = networksAt(of, Infinity);
    const limit = limited(of);
    const best = bestOf(thresholdsOf(limit).map((s) => ({ name: s, networks: networksAt(limit, s) })));
    const pairs = sameSeeds(plain, best.networks);
    return {
      name,
      loss: effectOn(plain, gap),
      gain: effectOf(pairs.map(([from, to]) => [...gap(from), ...gap(to, -1)])),
      fp32: effectOf(
        pairs.map(([from, to]) => [
          [1, to.fp32],
          [-1, from.fp32],
        ]),
      ),
    };
  });
  const hurt = rows.filter(({ loss }) => loss.mean >= hurtFrom);
  const most = rows.reduce((a, b) => (b.loss.mean > a.loss.mean ? b : a));
  if (hurt.length === 0) {
    return {
      ...{ name: `${bits} bits`, verdict: 'precondition not met' },
      ...effectIn(most.gain),
      evidence:
        `No method takes ${100 * hurtFrom} points from plain BN at ${bits} bits; the most is ${pointsOf(most.loss).replace('+', '')} ` +
        `(${most.name}).`,
    };
  }
  const corrected = areGreater(hurt.map(({ gain }) => gain));
  const named = (verdict: string): string[] =>
    hurt.flatMap(({ name }, i) => (corrected[i] === verdict ? [name] : []));
  const byGain = [...hurt].sort((a, b) => a.gain.mean - b.gain.mean);
  const [least, largest] = [byGain[0]!, byGain.at(-1)!];
  return {
    name: `${bits} bits`,
    verdict: allOf(hurt.map(({ gain }) => greater(gain))),
    ...effectIn(least.gain, (gain) => `from ${pointsOf(gain)}`),
    evidence:
      `Of ${rows.length} methods ${hurt.length} hurt plain BN; of these ${named('held').length} gain and ${named('not held').length} lose after Holm’s correction. ` +
      `The gains go from ${pointsOf(least.gain)} (${least.name}) to ${pointsOf(largest.gain)} (${largest.name}).` +
      (named('not held').length > 0 ? ` Losing: ${named('not held').join('; ')}.` : '') +
      ` In FP32 the network with OABN is ${pointsOf(most.fp32)} from plain BN.`,
  };
}

/** The paper's factor, and how far from it «about» reaches: a factor of two, up or down. */
const articleFactor = 100;

/** C7: the state size of the methods, over that of the smallest per-layer one. */
export function claimC7(all: readonly PtqPoint[], bits: readonly number[]): Claim {
  return claimOf({
    id: 'C7',
    statement: 'Some PTQ methods need about 100 times the state size of the uniform per-layer one.',
    rule: `Held: the largest state size is within a factor of two of ${articleFactor} times the smallest per-layer one (equivalence test of the logarithm, over networks).`,
    parts: bits.map((b) => largest(repVGG(atBits(all, b)), b)),
  });
}

function largest(points: readonly PtqPoint[], bits: number): ClaimPart {
  const sizeOf = (row: TableRow): number => estimate(row.points.map(({ stateSize }) => stateSize)).mean;
  const rows = rowsOf(points);
  const most = rows.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a));
  const perLayer = rowsOf(points.filter(({ granularity }) => granularity === 'perTensor'));
  const least = perLayer.reduce((a, b) => (sizeOf(b) < sizeOf(a) ? b : a));
  // One for each seed: networks of one seed, begun alike and trained with several s, are hardly independent.
  const factors = [...new Set(most.points.map(({ seed }) => seed))].flatMap((seed) => {
    const logs = most.points.flatMap(({ threshold, stateSize, ...point }) => {
      const base = least.points.find((other) => other.seed === seed && other.threshold === threshold);
      return point.seed === seed && base ? [Math.log2(stateSize / base.stateSize)] : [];
    });
    return logs.length > 0 ? [estimate(logs).mean] : [];
  });
  const logs: MeanEstimate = factors.length > 1 ? seedMean(factors) : ofUnknownError(factors[0]!);
  const { mean, low, high, level } = intervalOf(logs);
  const interval = { mean: 2 ** mean, low: 2 ** low, high: 2 ** high, level };
  const text = Number.isFinite(high)
    ? `× ${interval.mean.toFixed(0)} [${interval.low.toFixed(0)}, ${interval.high.toFixed(0)}]`
    : `× ${interval.mean.toFixed(0)} (one seed)`;
  return {
    name: `${bits} bits`,
    verdict: little({ ...logs, mean: mean - Math.log2(articleFactor) }, 1).verdict,
    effect: text,
    ...(Number.isFinite(high) && { interval }),
    evidence:
      `The largest is ${most.name} with ${Math.round(sizeOf(most))} states, ${text} of the per-layer ${Math.round(sizeOf(least))} (${least.name}). ` +
      'Per channel, it is the number of output channels, averaged over the layers, less the levels that small channels leave unused; CFWS has two sets of levels, and up to twice that.',
  };
}

/** The share of FP32 that counts as doing well. */
const well = 0.9;

/**
 * C8: per channel, QARepVGG loses little (under a tenth of its FP32 accuracy); per layer, RepVGG with OABN
 * beats it. Each is taken with its best method (and s), chosen on seeds and images by which it is not judged.
 */
export function claimC8(all: readonly PtqPoint[], bits: readonly number[]): Claim {
  return claimOf({
    id: 'C8',
    statement: 'QARepVGG does well with many weight states; under few, RepVGG with OABN beats it.',
    rule:
      `Held: per channel QARepVGG keeps more than ${100 * well}% of FP32, and per layer RepVGG with OABN is ahead of it, each with its best method ` +
      `(chosen on other seeds and images).${imagesNote(all)}`,
    parts: bits.map((b) => underFewStates(atBits(all, b), b)),
  });
}

function underFewStates(points: readonly PtqPoint[], bits: number): ClaimPart {
  const qa = points.filter((point) => point.network === 'QARepVGG');
  const many = bestRow(qa, 'perChannel');
  const few = bestRow(qa, 'perTensor');
  const oabn = bestRow(limited(repVGG(points)), 'perTensor');
  const kept = effectOn(many.networks, ({ quantized, fp32 }) => [
    [1, quantized],
    [-well, fp32],
  ]);
  const ahead = effectOf(
    sameSeeds(oabn.networks, few.networks).map(([a, b]) => [
      [1, a.quantized],
      [-1, b.quantized],
    ]),
  );
  return {
    name: `${bits} bits`,
    verdict: allOf([greater(kept), greater(ahead)]),
    ...effectIn(ahead),
    evidence:
      `Per channel, QARepVGG keeps ${percentOf(quantizedOf(many.networks))} of ${percentOf(fp32Of(many.networks))} FP32 (${many.chosen.join(' or ')}); ` +
      `per layer it has ${percentOf(quantizedOf(few.networks))} (${few.chosen.join(' or ')}), and RepVGG with OABN ` +
      `${percentOf(quantizedOf(oabn.networks))} (${oabn.chosen.join(' or ')}): ${pointsOf(ahead)}.`,
  };
}

/** The best method and s of those with one granularity. */
function bestRow(
  points: readonly PtqPoint[],
  granularity: Granularity,
): { networks: Judged[]; chosen: string[] } {
  const rows = rowsOf(points.filter((point) => point.granularity === granularity));
  return bestOf(
    rows.flatMap(({ points: of }) =>
      thresholdsOf(of).map((s) => ({
        name: `${of[0]!.method}${s < Infinity ? `, s = ${formatThreshold(s)}` : ''}`,
        networks: networksAt(of, s),
      })),
    ),
  );
}
