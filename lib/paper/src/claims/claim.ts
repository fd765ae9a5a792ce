/**
 * A claim of the paper, tested on our own runs: a verdict with the effect and the interval that it rests on.
 * The claims are numbered as in the README. Margins and error rates were fixed before results were known,
 * except for the margins of C2 and C7, which were set when those of `quick` were; that C7 counts the networks of
 * one seed once, and how intervals are made (see `intervalOf`), was decided when those of `desk` were. Each
 * claim's `rule` states what its verdict means.
 */
import { check } from 'oabn-base';
import {
  effectOf,
  type Interval,
  intervalOf,
  type Judged,
  judgedOf,
  type MeanEstimate,
  pointsOf,
  type Verdict,
  type WeightedAnswers,
} from '../statistics/index.js';

/** A claim at one number of bits, or another part of it that is judged by itself. */
export interface ClaimPart {
  /** «5 bits», «time of a step» */
  readonly name: string;
  /** The verdict on this part. */
  readonly verdict: Verdict;
  /** What was measured, with its interval: «+31.9 points [20.1, 43.7]». */
  readonly effect: string;
  /** The interval in numbers, where there is one. */
  readonly interval?: Interval;
  /** The numbers, in a sentence or two. */
  readonly evidence: string;
}

/** One of the paper's claims, and what our runs say about it. */
export interface Claim {
  /** C1, C2, … */
  readonly id: string;
  /** What the paper claims, in a sentence. */
  readonly statement: string;
  /** What «held» means. */
  readonly rule: string;
  /** The verdict on the claim. */
  readonly verdict: Verdict;
  /** The part whose verdict this is, where there are several. */
  readonly at?: string;
  /** What was measured, with its interval. */
  readonly effect: string;
  /** Its parts, such as the numbers of bits. */
  readonly parts: readonly ClaimPart[];
}

/**
 * A claim from its parts: the verdict is that of the first whose precondition is met. Parts are in the
 * paper's order, its own number of bits first, then fewer, so the part that decides is not chosen by its
 * result.
 */
export function claimOf(claim: Pick<Claim, 'id' | 'statement' | 'rule' | 'parts'>): Claim {
  const { parts } = claim;
  const speaks = parts.find(({ verdict }) => verdict !== 'precondition not met') ?? parts[0];
  check(speaks, () => `${claim.id} needs at least one bit width`);
  const { verdict, effect, name } = speaks;
  return { ...claim, verdict, effect, ...(parts.length > 1 && { at: name }) };
}

/**
 * A claim that its parts decide together: `verdict` is on all of them, and the effect names those of `shown`.
 */
export function jointClaim(
  claim: Pick<Claim, 'id' | 'statement' | 'rule' | 'parts'>,
  verdict: Verdict,
  shown: readonly ClaimPart[] = claim.parts,
): Claim {
  return { ...claim, verdict, effect: shown.map(({ name, effect }) => `${name} ${effect}`).join(', ') };
}

/** What is known about every measured accuracy. */
export interface Measured {
  /** s of OABN in pretraining; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** The number of test images behind an accuracy. */
  readonly images: number;
}

/**
 * The accuracy of a network that was quantized, and that of the same network in FP32, on the same images.
 */
export interface QuantizedPoint extends Measured {
  /** b of weights and activations. */
  readonly bits: number;
  /** The accuracy in [0, 1], like `fp32`. */
  readonly accuracy: number;
  /** The accuracy in FP32, in [0, 1]. */
  readonly fp32: number;
  /** Distinct weight values, summed over the quantized layers. */
  readonly stateSize: number;
  /** Which images each of the two was right on: bitmaps, read by `unpackBits`; older results have none. */
  readonly right?: string;
  /** Like `right`, in FP32. */
  readonly fp32Right?: string;
}

/** s as text: ∞ for plain BN. */
export function formatThreshold(threshold: number): string {
  return threshold === Infinity ? '∞ (BN)' : String(threshold);
}

/** The thresholds that occur, ascending. */
export function thresholdsOf(points: readonly Measured[]): number[] {
  return [...new Set(points.map((point) => point.threshold))].sort((a, b) => a - b);
}

/**
 * The points of the thresholds that have every seed of plain BN (or, without it, of the largest threshold):
 * those that claims compare. Others only draw a curve, or are not finished yet.
 */
export function replicated<P extends QuantizedPoint>(points: readonly P[]): P[] {
  const seedsAt = (threshold: number): Set<number> =>
    new Set(points.filter((point) => point.threshold === threshold).map(({ seed }) => seed));
  const needed = [...seedsAt(Math.max(...thresholdsOf(points)))];
  const whole = thresholdsOf(points).filter((threshold) => {
    const seeds = seedsAt(threshold);
    return needed.every((seed) => seeds.has(seed));
  });
  return points.filter(({ threshold, seed }) => whole.includes(threshold) && needed.includes(seed));
}

/** The points at `bits`. @throws UserError where there are none */
export function atBits<P extends QuantizedPoint>(points: readonly P[], bits: number): P[] {
  const chosen = points.filter((point) => point.bits === bits);
  const there = [...new Set(points.map((point) => point.bits))];
  check(
    chosen.length > 0,
    () =>
      `There are no points at ${bits} bits, only at ${there.join(', ')}; run the study with bits: [${bits}]`,
  );
  return chosen;
}

/** The networks of one threshold in the order of their seeds, so that those of two thresholds pair up. */
export function networksAt(points: readonly QuantizedPoint[], threshold: number): Judged[] {
  const chosen = points.filter((point) => point.threshold === threshold);
  check(
    chosen.length > 0,
    () =>
      `There is no run with s = ${formatThreshold(threshold)}, only ${thresholdsOf(points).map(formatThreshold).join(', ')}`,
  );
  return chosen.map(judgedOf).sort((a, b) => a.seed - b.seed);
}

/** The mean over seeds of what `terms` makes of the networks of each. */
export function effectOn(
  networks: readonly Judged[],
  terms: (network: Judged) => readonly WeightedAnswers[],
): MeanEstimate {
  return effectOf(networks.map((network) => terms(network)));
}

/** What quantization costs: FP32 minus quantized. */
export const gap = ({ fp32, quantized }: Judged, sign = 1): WeightedAnswers[] => [
  [sign, fp32],
  [-sign, quantized],
];

/** Mean FP32 accuracy. */
export const fp32Of = (networks: readonly Judged[]): MeanEstimate => effectOn(networks, (n) => [[1, n.fp32]]);
/** Mean quantized accuracy. */
export const quantizedOf = (networks: readonly Judged[]): MeanEstimate =>
  effectOn(networks, (n) => [[1, n.quantized]]);

/** A plain-BN network that loses at least this much accuracy counts as hurt by quantization. */
export const hurtFrom = 0.02;

/**
 * Whether the networks with plain BN are hurt, which C3, C6 and C9 presuppose, and what to say if they are
 * not.
 */
export function hurtBy(plain: readonly Judged[]): { met: boolean; loss: MeanEstimate; text: string } {
  const loss = effectOn(plain, gap);
  const text = `plain BN loses ${pointsOf(loss).replace('+', '')} to uniform PTQ; ${100 * hurtFrom} points are needed`;
  return { met: loss.mean >= hurtFrom, loss, text };
}

/** An estimate as the effect of a part, with finite numbers only, so that it can be stored. */
export function effectIn(
  estimate: MeanEstimate,
  format: (estimate: MeanEstimate) => string = pointsOf,
): Pick<ClaimPart, 'effect' | 'interval'> {
  const interval = intervalOf(estimate);
  return { effect: format(estimate), ...(Number.isFinite(interval.high) && { interval }) };
}

/** A note for claims on runs that did not store which images were right. */
export function imagesNote(points: readonly QuantizedPoint[]): string {
  return points.every(({ right, fp32Right }) => right !== undefined && fp32Right !== undefined)
    ? ''
    : ' These runs did not store which images they had right; the images’ error is that of independent samples, which is too wide.';
}

/** Claims as rows of a table. */
export function claimRows(claims: readonly Claim[]): Record<string, string>[] {
  return claims.flatMap(({ id, statement, parts }) =>
    parts.map(({ name, verdict, effect, evidence }) => ({
      ...{ claim: id, statement, at: name, verdict, effect, evidence },
    })),
  );
}
