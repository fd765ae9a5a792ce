/**
 * The rule by which a claim is judged. A difference holds when it exceeds twice its standard error, is refuted when
 * it is as far on the other side, and is undecided between. The standard error is the larger of two: the spread over
 * seeds, sd/√n (from two seeds on), and the sampling error of an accuracy measured on finitely many images.
 */
export type Verdict = 'held' | 'not held' | 'undecided';

/** A mean over seeds. */
export interface Estimate {
  readonly mean: number;
  /** Standard deviation over the values (n − 1); 0 for one value. */
  readonly sd: number;
  readonly n: number;
}

/** Mean and standard deviation of `values`, at least one. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: n > 1 ? Math.sqrt(squares / (n - 1)) : 0, n };
}

/** Standard error of an accuracy in [0, 1] measured on `images` images. */
export function accuracyError(accuracy: number, images: number): number {
  return Math.sqrt((accuracy * (1 - accuracy)) / images);
}

/** Whether `differences` (one for each seed) are greater than 0, given the sampling error of one of them. */
export function judge(differences: readonly number[], samplingError = 0): Verdict {
  const { mean, sd, n } = estimate(differences);
  const standardError = Math.max(n > 1 ? sd / Math.sqrt(n) : 0, samplingError / Math.sqrt(n));
  if (mean > 2 * standardError) return 'held';
  return mean < -2 * standardError ? 'not held' : 'undecided';
}

/** The verdict on a claim with several parts: held when all are, not held when one is not. */
export function allOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('not held')) return 'not held';
  return verdicts.every((verdict) => verdict === 'held') ? 'held' : 'undecided';
}

/** «77.6 ± 0.4%», or «77.6%» for one value, of accuracies in [0, 1]. */
export function formatPercent({ mean, sd, n }: Estimate): string {
  const text = (100 * mean).toFixed(1);
  return n > 1 ? `${text} ± ${(100 * sd).toFixed(1)}%` : `${text}%`;
}

/** «3.1 ± 0.4 points», or «3.1 points» for one value, of differences of accuracies in [−1, 1]; `signed` shows a plus. */
export function formatPoints({ mean, sd, n }: Estimate, signed = false): string {
  const text = `${signed && mean >= 0 ? '+' : ''}${(100 * mean).toFixed(1).replace('-', '−')}`;
  return n > 1 ? `${text} ± ${(100 * sd).toFixed(1)} points` : `${text} points`;
}
