/** Estimates as text: a mean with its interval. */
import type { MeanEstimate } from './crossed.js';
import { type Interval, intervalOf, limitedTo } from './verdict.js';

/** One interval's numbers; an infinite interval, as for one seed, is marked as such. */
const within = (mean: string, { low, high }: Interval, digits: (value: number) => string): string =>
  Number.isFinite(high - low) ? `${mean} [${digits(low)}, ${digits(high)}]` : `${mean} (one seed)`;

const decimals =
  (places: number, factor = 1) =>
  (value: number): string =>
    (factor * value).toFixed(places).replace('-', '−');

/** «77.6% [76.9, 78.3]» of an accuracy in [0, 1]. */
export function percentWithin(interval: Interval): string {
  const digits = decimals(1, 100);
  return within(`${digits(interval.mean)}%`, interval, digits);
}

/** «+3.1 points [2.2, 4.0]» of a difference of accuracies in [−1, 1]. */
export function pointsWithin(interval: Interval): string {
  const digits = decimals(1, 100);
  return within(`${interval.mean >= 0 ? '+' : ''}${digits(interval.mean)} points`, interval, digits);
}

/** «0.98 [0.95, 1.01]» of any number. */
export function numberWithin(interval: Interval, places = 2): string {
  const digits = decimals(places);
  return within(digits(interval.mean), interval, digits);
}

/** The estimate's 95% interval as `pointsWithin`. */
export const pointsOf = (estimate: MeanEstimate): string => pointsWithin(intervalOf(estimate));

/** The 95% interval of an accuracy or another share in [0, 1] as `percentWithin`. */
export const percentOf = (estimate: MeanEstimate): string =>
  percentWithin(limitedTo(intervalOf(estimate), 0, 1));
