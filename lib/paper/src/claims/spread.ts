/**
 * A mean and its spread over seeds, as tables and figures show them; verdicts have intervals (`statistics`).
 */

/** A mean over seeds. */
export interface Estimate {
  /** The mean. */
  readonly mean: number;
  /** Standard deviation over the values (n − 1); 0 for one value. */
  readonly sd: number;
  /** The number of values. */
  readonly n: number;
}

/** Mean and standard deviation of `values`, at least one. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: n > 1 ? Math.sqrt(squares / (n - 1)) : 0, n };
}

/** «77.6 ± 0.4», or «77.6» for one value. */
export function formatEstimate({ mean, sd, n }: Estimate): string {
  return n > 1 ? `${mean.toFixed(1)} ± ${sd.toFixed(1)}` : mean.toFixed(1);
}

/** «77.6 ± 0.4%», or «77.6%» for one value, of accuracies in [0, 1]. */
export function formatPercent({ mean, sd, n }: Estimate): string {
  return `${formatEstimate({ mean: 100 * mean, sd: 100 * sd, n })}%`;
}
