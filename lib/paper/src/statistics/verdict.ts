/**
 * From an estimate to a verdict, by rules that were chosen before the data were seen. Each errs in at most 5%
 * of the experiments in which there is no effect (tested by simulation):
 *
 * - `isGreater`: the two-sided 95% interval of the effect lies above 0 (held), below it (not held), or has 0
 *   in it;
 * - `isLittle`: two one-sided tests (TOST: Schuirmann 1987): the 90% interval lies within ±margin (held), the
 *   95% interval outside of it (not held), or neither;
 * - `holm`: for many methods at once, p-values that keep the chance of a single wrong verdict under 5% (Holm
 *   1979);
 * - `allOf`: a claim of several parts. It is held when each part is, which needs no correction (an
 *   intersection–union test: Berger 1982), and not held when one part is refuted, after Holm's correction.
 */
import { type MeanEstimate, type VariancePart, varianceOf } from './crossed.js';
import { tQuantile, tTail } from './distributions.js';

/** `precondition not met`: the runs are not of the kind that the claim is about, so they cannot test it. */
export type Verdict = 'held' | 'not held' | 'undecided' | 'precondition not met';

/** Chance of a wrong verdict where there is no effect, at most. */
export const errorRate = 0.05;

/** Where the true value is with probability `level`, over seeds and images. */
export interface Interval {
  /** The estimate. */
  readonly mean: number;
  /** The lower end. */
  readonly low: number;
  /** The upper end. */
  readonly high: number;
  /** In (0, 1), such as 0.95. */
  readonly level: number;
}

/** One part of a claim, tested. */
export interface Test {
  /** The verdict on the part. */
  readonly verdict: Verdict;
  /** The p-value of refuting the part: at most half the error rate where it is not held. */
  readonly against: number;
}

/** Rounding errors of sums that should be 0 stay below this; accuracies differ by more. */
const rounding = 1e-9;

/**
 * The two-sided interval of an estimate; `level` in (0, 1). Infinite where nothing is known about the error.
 *
 * Its half width is √(Σ tᵢ²·vᵢ), with the quantile tᵢ of each part's own degrees of freedom (Banerjee, Sankhyā
 * 22, 1960). For normal means it covers the true one with at least the probability `level`, whatever the parts
 * are. (Satterthwaite's degrees of freedom of the sum are too many where both seeds and images matter: in
 * simulations, 95% intervals over three seeds failed in up to 8% of the cases, over two in 12%.)
 */
export function intervalOf({ mean, parts }: MeanEstimate, level = 1 - errorRate): Interval {
  const half = halfWidth(parts, (1 - level) / 2);
  return { mean, low: mean - half, high: mean + half, level };
}

/** Half the width of an interval outside of which, on either side, the true value is with probability `tail`. */
function halfWidth(parts: readonly VariancePart[], tail: number): number {
  const squares = parts.map(({ variance, df }) =>
    variance > 0 ? tQuantile(1 - tail, df) ** 2 * variance : 0,
  );
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
}

/**
 * An interval without its parts below `least` and above `most`, for a quantity that has no such values. An
 * infinite one, of an unknown error, stays as it is.
 */
export function limitedTo(interval: Interval, least: number, most: number): Interval {
  const { low, high } = interval;
  if (!Number.isFinite(high - low)) return interval;
  return { ...interval, low: Math.max(least, low), high: Math.min(most, high) };
}

/** Whether the estimated effect is above 0. */
export const isGreater = (estimate: MeanEstimate): Verdict => greater(estimate).verdict;

/** `isGreater` as a part of a claim. */
export function greater(estimate: MeanEstimate): Test {
  const { low, high } = intervalOf(estimate);
  const verdict = low > rounding ? 'held' : high < -rounding ? 'not held' : 'undecided';
  return { verdict, against: upperTail({ ...estimate, mean: -estimate.mean }) };
}

/** Whether the estimated effect is within ±`margin` > 0. */
export const isLittle = (estimate: MeanEstimate, margin: number): Verdict => little(estimate, margin).verdict;

/** `isLittle` as a part of a claim. */
export function little(estimate: MeanEstimate, margin: number): Test {
  const [inner, outer] = [intervalOf(estimate, 1 - 2 * errorRate), intervalOf(estimate)];
  const against = upperTail({ ...estimate, mean: Math.abs(estimate.mean) - margin });
  if (inner.low > -margin && inner.high < margin) return { verdict: 'held', against };
  const outside = outer.low > margin || outer.high < -margin;
  return { verdict: outside ? 'not held' : 'undecided', against };
}

/** The p-value of «the mean is at most 0». */
function upperTail(estimate: MeanEstimate): number {
  const { mean } = estimate;
  if (varianceOf(estimate) < rounding ** 2) return mean > rounding ? 0 : 1;
  return mean < 0 ? 1 - tailBeyond(-mean, estimate.parts) : tailBeyond(mean, estimate.parts);
}

/** The two-sided p-value of «no effect». */
export function pValue(estimate: MeanEstimate): number {
  const size = Math.abs(estimate.mean);
  if (varianceOf(estimate) < rounding ** 2) return size <= rounding ? 1 : 0;
  return Math.min(1, 2 * tailBeyond(size, estimate.parts));
}

/** The probability of one side of the interval that ends at `distance` ≥ 0 from its middle. */
function tailBeyond(distance: number, parts: readonly VariancePart[]): number {
  const [only, ...others] = parts.filter(({ variance }) => variance > 0);
  if (only && others.length === 0) return tTail(distance / Math.sqrt(only.variance), only.df);
  // The width falls as the tail grows: halved until the tail is known to nine digits.
  let [least, most] = [0, 0.5];
  for (let step = 0; step < 60 && most - least > 1e-9 * most; step++) {
    const middle = (least + most) / 2;
    if (halfWidth(parts, middle) > distance) least = middle;
    else most = middle;
  }
  return most;
}

/**
 * Holm's adjusted p-values, in the order given: those below 0.05 are effects, whatever the number of tests.
 */
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

/**
 * The verdict on a claim with several parts: held when all are, not held when one is refuted after Holm's
 * correction.
 */
export function allOf(tests: readonly Test[]): Verdict {
  if (tests.some(({ verdict }) => verdict === 'precondition not met')) return 'precondition not met';
  if (tests.every(({ verdict }) => verdict === 'held')) return 'held';
  return holm(tests.map(({ against }) => against)).some((p) => p < errorRate / 2) ? 'not held' : 'undecided';
}
