/**
 * From an estimate to a verdict, by rules that were chosen before the data were seen. Each errs in at most 5% of the
 * experiments in which there is no effect (tested by simulation):
 *
 * - `isGreater`: the two-sided 95% interval of the effect lies above 0 (held), below it (not held), or has 0 in it;
 * - `isLittle`: two one-sided tests (TOST: Schuirmann 1987): the 90% interval lies within ±margin (held), the 95% interval
 *   outside of it (not held), or neither;
 * - `holm`: for many methods at once, p-values that keep the chance of a single wrong verdict under 5% (Holm 1979).
 */
import type { MeanEstimate } from './crossed.js';
import { tQuantile, tTail } from './distributions.js';

/** `precondition not met`: the runs are not of the kind that the claim speaks of, so they cannot test it. */
export type Verdict = 'held' | 'not held' | 'undecided' | 'precondition not met';

/** Chance of a wrong verdict where there is no effect. */
export const errorRate = 0.05;

/** Where the true value is with probability `level`, over seeds and images. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly level: number;
}

/** The two-sided interval of an estimate; `level` in (0, 1). */
export function intervalOf({ mean, variance, df }: MeanEstimate, level = 1 - errorRate): Interval {
  const half = variance > 0 ? tQuantile((1 + level) / 2, df) * Math.sqrt(variance) : 0;
  return { mean, low: mean - half, high: mean + half, level };
}

/** Whether the estimated effect is above 0. */
export function isGreater(estimate: MeanEstimate): Verdict {
  const { low, high } = intervalOf(estimate);
  if (low > 0) return 'held';
  return high < 0 ? 'not held' : 'undecided';
}

/** Whether the estimated effect is within ±`margin` > 0. */
export function isLittle(estimate: MeanEstimate, margin: number): Verdict {
  const [inner, outer] = [intervalOf(estimate, 1 - 2 * errorRate), intervalOf(estimate)];
  if (inner.low > -margin && inner.high < margin) return 'held';
  return outer.low > margin || outer.high < -margin ? 'not held' : 'undecided';
}

/** The two-sided p-value of «no effect». */
export function pValue({ mean, variance, df }: MeanEstimate): number {
  if (variance === 0) return mean === 0 ? 1 : 0;
  return Math.min(1, 2 * tTail(Math.abs(mean) / Math.sqrt(variance), df));
}

/** Holm's adjusted p-values, in the order given: those below 0.05 are effects, whatever the number of tests. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const adjusted = new Array<number>(values.length);
  let least = 0;
  for (const [rank, i] of order.entries()) {
    least = Math.max(least, Math.min(1, (values.length - rank) * values[i]!));
    adjusted[i] = least;
  }
  return adjusted;
}

/** `isGreater` of many effects at once: each verdict with Holm's correction. */
export function areGreater(estimates: readonly MeanEstimate[]): Verdict[] {
  const adjusted = holm(estimates.map(pValue));
  return estimates.map(({ mean }, i) =>
    adjusted[i]! >= errorRate ? 'undecided' : mean > 0 ? 'held' : 'not held',
  );
}

/** The verdict on a claim with several parts: held when all are, not held when one is not. */
export function allOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('precondition not met')) return 'precondition not met';
  if (verdicts.includes('not held')) return 'not held';
  return verdicts.every((verdict) => verdict === 'held') ? 'held' : 'undecided';
}
