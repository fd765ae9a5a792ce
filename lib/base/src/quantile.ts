/** Order statistics of samples. */
import { check } from './errors.js';

/**
 * The quantile of a sample, linearly interpolated between the two values next to it: half-way between the two
 * middle ones for the median of an even count.
 * @param sorted finite numbers in ascending order, in any unit, which is the result’s as well
 * @param share of the values that are smaller, in [0, 1]: 0.5 for the median
 * @throws UserError for an empty list, or a share outside [0, 1]
 */
export function quantile(sorted: readonly number[], share: number): number {
  check(sorted.length > 0, 'An empty list has no quantiles');
  check(share >= 0 && share <= 1, () => `The share of a quantile must be in [0, 1], got ${share}`);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at % 1);
}
