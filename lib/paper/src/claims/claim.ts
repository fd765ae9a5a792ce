/**
 * A claim of the paper, tested on our own runs: a verdict with the numbers that it rests on. The claims are numbered as
 * the project's description of the paper numbers them (README).
 */
import { accuracyError, estimate, type Verdict } from './statistics.js';

/** One of the paper's claims, and what our runs say of it. */
export interface Claim {
  /** C1, C2, … */
  readonly id: string;
  readonly statement: string;
  readonly verdict: Verdict;
  /** The numbers, in a sentence or two. */
  readonly evidence: string;
}

/** What every measured accuracy knows of itself. */
export interface Measured {
  /** s of OABN in pretraining; Infinity is plain BN. */
  readonly threshold: number;
  readonly seed: number;
  /** Test images behind an accuracy. */
  readonly images: number;
}

/** The accuracy of a network that was quantized, beside that of the same network in FP32, on the same images. */
export interface QuantizedPoint extends Measured {
  readonly bits: number;
  /** In [0, 1], as is `fp32`. */
  readonly accuracy: number;
  readonly fp32: number;
  /** Distinct weight values, summed over the quantized layers. */
  readonly stateSize: number;
  /** Which images each of the two was right on: bitmaps, read by `unpackBits`; results from before they were kept have none. */
  readonly right?: string;
  readonly fp32Right?: string;
}

/** s as text: ∞ for plain BN. */
export function formatThreshold(threshold: number): string {
  return threshold === Infinity ? '∞ (BN)' : String(threshold);
}

/** The points of one threshold in the order of their seeds, so that those of two thresholds pair up. */
export function atThreshold<P extends Measured>(points: readonly P[], threshold: number): P[] {
  return points.filter((point) => point.threshold === threshold).sort((a, b) => a.seed - b.seed);
}

/** The thresholds that occur, ascending. */
export function thresholdsOf(points: readonly Measured[]): number[] {
  return [...new Set(points.map((point) => point.threshold))].sort((a, b) => a - b);
}

/** The threshold at which `of` is largest on average. */
export function bestThreshold<P extends Measured>(points: readonly P[], of: (point: P) => number): number {
  const meanAt = (threshold: number): number => estimate(atThreshold(points, threshold).map(of)).mean;
  return thresholdsOf(points).reduce((best, threshold) =>
    meanAt(threshold) > meanAt(best) ? threshold : best,
  );
}

/** Differences seed by seed. @throws when the seeds are not the same */
export function paired<P extends Measured>(
  left: readonly P[],
  right: readonly P[],
  of: (point: P) => number,
): number[] {
  return left.map((point) => {
    const other = right.find(({ seed }) => seed === point.seed);
    if (!other) throw new Error(`no point with seed ${point.seed} to compare with`);
    return of(point) - of(other);
  });
}

/** Standard error of the difference of two accuracies near `accuracy`, each measured on `images` images. */
export function differenceError(accuracy: number, images: number): number {
  return Math.SQRT2 * accuracyError(accuracy, images);
}

/** Claims as rows of a table. */
export function claimRows(claims: readonly Claim[]): Record<string, string>[] {
  return claims.map(({ id, statement, verdict, evidence }) => ({ claim: id, statement, verdict, evidence }));
}
