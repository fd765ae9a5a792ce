/** Estimates as text: a mean with the interval that it is in. */
import type { Interval } from './verdict.js';

const digits = (value: number): string => value.toFixed(1).replace('-', '−');

/** «77.6% [76.9, 78.3]» of an accuracy in [0, 1]. */
export function percentWithin({ mean, low, high }: Interval): string {
  return `${digits(100 * mean)}% [${digits(100 * low)}, ${digits(100 * high)}]`;
}

/** «+3.1 points [2.2, 4.0]» of a difference of accuracies in [−1, 1]. */
export function pointsWithin({ mean, low, high }: Interval): string {
  return `${mean >= 0 ? '+' : ''}${digits(100 * mean)} points [${digits(100 * low)}, ${digits(100 * high)}]`;
}
