/**
 * The paper's claims, tested on our own runs. Each function takes measurements and returns a verdict with the numbers
 * it rests on. The claims' numbers are those of the project's description of the paper (README).
 */
import type { OutlierRow } from '../merge/index.js';
import { accuracyError, allOf, estimate, formatPercent, judge, type Verdict } from './statistics.js';

export interface Claim {
  /** C1, C2, … */
  readonly id: string;
  readonly statement: string;
  readonly verdict: Verdict;
  /** The numbers, in a sentence. */
  readonly evidence: string;
}

/** Accuracies of one network at one s and seed. */
export interface ThresholdPoint {
  /** s; Infinity is plain BN. */
  readonly threshold: number;
  readonly seed: number;
  readonly fp32: number;
  /** By bits. */
  readonly quantized: Readonly<Record<number, number>>;
  /** Test images behind each accuracy. */
  readonly images: number;
}

/** C1 on networks trained with plain BN: outlier reports, one for each seed. */
export function claimC1(reports: readonly (readonly OutlierRow[])[]): Claim {
  const shares = reports.map((rows) => {
    const withIdentity = rows.filter((row) => row.identity);
    return withIdentity.reduce((sum, row) => sum + row.classAOfLargest, 0) / withIdentity.length;
  });
  const expected = estimate(
    reports
      .flat()
      .filter((row) => row.identity)
      .map((row) => row.classAOfAll),
  ).mean;
  return {
    id: 'C1',
    statement: 'The largest merged weights are in class A.',
    verdict: judge(shares.map((share) => share - 0.5)),
    evidence:
      `In blocks with an identity branch, class A holds ${formatPercent(estimate(shares))} of the largest 0.1% of the weights; ` +
      `it is ${(100 * expected).toFixed(2)}% of all weights. Held means more than half.`,
  };
}

/** C2 on networks trained with plain BN: outlier reports, one for each seed. */
export function claimC2(reports: readonly (readonly OutlierRow[])[]): Claim {
  const identities = reports.map((rows) => rows.flatMap((row) => (row.identity ? [row.identity] : [])));
  const meanOf = (pick: (identity: NonNullable<OutlierRow['identity']>) => number): number[] =>
    identities.map((rows) => estimate(rows.map(pick)).mean);
  const [others, correlations] = [meanOf((row) => row.otherShare), meanOf((row) => row.correlation ?? 0)];
  return {
    id: 'C2',
    statement:
      'Class-A weights nearly equal the identity BN’s ratio r0; the other two branches contribute little there.',
    verdict: allOf([judge(others.map((share) => 0.5 - share)), judge(correlations.map((r) => r - 0.5))]),
    evidence:
      `Mean |W_A − r0| is ${formatPercent(estimate(others))} of mean |W_A|; |W_A| and |r0| correlate with r = ` +
      `${estimate(correlations).mean.toFixed(2)} over channels, averaged over blocks. Held means under half and over 0.5.`,
  };
}

/**
 * C3 at `bits`: the gap between FP32 and quantized accuracy is real with plain BN, and smaller with the smallest s
 * of the grid.
 */
export function claimC3(points: readonly ThresholdPoint[], bits: number): Claim {
  const [plain, smallest] = [atThreshold(points, Infinity), atThreshold(points, leastThreshold(points))];
  const gap = (point: ThresholdPoint): number => point.fp32 - point.quantized[bits]!;
  const error = Math.SQRT2 * accuracyError(estimate(plain.map((point) => point.fp32)).mean, plain[0]!.images);
  const [plainGaps, smallGaps] = [plain.map(gap), smallest.map(gap)];
  const collapsed = points.every((point) => point.quantized[bits]! < point.fp32 / 2);
  return {
    id: 'C3',
    statement: `With plain BN, ${bits}-bit per-layer accuracy falls well below FP32; a smaller s closes the gap.`,
    verdict: collapsed
      ? 'undecided'
      : allOf([
          judge(plainGaps, error),
          judge(
            plainGaps.map((value, i) => value - smallGaps[i]!),
            error,
          ),
        ]),
    evidence:
      `The gap at ${bits} bits is ${formatPercent(estimate(plainGaps))} (in points) with plain BN and ` +
      `${formatPercent(estimate(smallGaps))} at s = ${smallest[0]!.threshold}.` +
      (collapsed ? ' At this width every network has lost more than half of its accuracy, whatever s.' : ''),
  };
}

/** C4 at `bits`: the smallest s of the grid costs accuracy in FP32 and quantized alike, against the best s. */
export function claimC4(points: readonly ThresholdPoint[], bits: number): Claim {
  const thresholds = [...new Set(points.map((point) => point.threshold))];
  const least = leastThreshold(points);
  const quantized = (point: ThresholdPoint): number => point.quantized[bits]!;
  const meanAt = (threshold: number, of: (point: ThresholdPoint) => number): number =>
    estimate(atThreshold(points, threshold).map(of)).mean;
  const best = thresholds.reduce((a, b) => (meanAt(b, quantized) > meanAt(a, quantized) ? b : a));
  const difference = (of: (point: ThresholdPoint) => number): number[] => {
    const reference = atThreshold(points, best);
    return atThreshold(points, least).map((point, i) => of(reference[i]!) - of(point));
  };
  const error =
    Math.SQRT2 *
    accuracyError(
      meanAt(best, (point) => point.fp32),
      points[0]!.images,
    );
  const [inFp32, inInt] = [difference((point) => point.fp32), difference(quantized)];
  return {
    id: 'C4',
    statement: `A very small s (${least}) costs accuracy in FP32 and at ${bits} bits alike; there is a proper range.`,
    verdict: best === least ? 'not held' : allOf([judge(inFp32, error), judge(inInt, error)]),
    evidence:
      `At ${bits} bits the best s of the grid is ${formatThreshold(best)}; s = ${least} is ${formatPercent(estimate(inFp32))} ` +
      `(in points) below it in FP32 and ${formatPercent(estimate(inInt))} at ${bits} bits.`,
  };
}

/** s as text: ∞ for plain BN. */
export function formatThreshold(threshold: number): string {
  return threshold === Infinity ? '∞ (BN)' : String(threshold);
}

function atThreshold(points: readonly ThresholdPoint[], threshold: number): ThresholdPoint[] {
  return points.filter((point) => point.threshold === threshold).sort((a, b) => a.seed - b.seed);
}

function leastThreshold(points: readonly ThresholdPoint[]): number {
  return Math.min(...points.map((point) => point.threshold));
}

/** Claims as rows of a table. */
export function claimRows(claims: readonly Claim[]): Record<string, string>[] {
  return claims.map(({ id, statement, verdict, evidence }) => ({ claim: id, statement, verdict, evidence }));
}
