/**
 * A sorted sample: what makes 1-D k-means cheap. After one sort, a cluster is an interval of the sorted
 * values, so its count, sum and sum of squares are differences of prefix sums, and its ends are found by
 * binary search: a Lloyd step costs O(k log n), whatever n is. Sums are float64 and taken about the mean,
 * against cancellation.
 */
import { check } from 'oabn-base';

/** Values sorted once, with running sums that give the mean and the inertia of any range in constant time. */
export interface SortedSample {
  /** [n] the values in ascending order. */
  readonly sorted: Float32Array;
  /** The mean; `sums` and `squares` are of `value − offset`. */
  readonly offset: number;
  /** [n+1] sums[i] = Σ of the first i values. */
  readonly sums: Float64Array;
  /** [n+1] squares[i] = Σ of the first i squared values. */
  readonly squares: Float64Array;
}

/**
 * Sorts `values` [n] (a copy) and sums them.
 * @throws UserError when `values` is empty or holds NaN or ±Infinity.
 */
export function sortedSample(values: Float32Array): SortedSample {
  checkValues(values);
  const sorted = values.slice().sort();
  const n = sorted.length;
  const offset = sorted.reduce((sum, value) => sum + value, 0) / n;
  const sums = new Float64Array(n + 1);
  const squares = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    const value = sorted[i]! - offset;
    sums[i + 1] = sums[i]! + value;
    squares[i + 1] = squares[i]! + value * value;
  }
  return { sorted, offset, sums, squares };
}

/** @throws UserError when `values` is empty or holds NaN or ±Infinity, naming the first. */
export function checkValues(values: Float32Array): void {
  check(values.length > 0, 'k-means needs at least one value, got an empty array');
  const bad = values.findIndex((value) => !Number.isFinite(value));
  check(
    bad < 0,
    () => `k-means needs finite values, got ${values[bad]} at index ${bad}; look for what diverged before it`,
  );
}

/** The number of values ≤ `value`: where a cluster whose upper threshold is `value` ends. */
export function upperBound(sorted: Float32Array, value: number, from = 0, to = sorted.length): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle]! <= value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The mean of sorted[from … to), kept between its ends where rounding would put it outside. */
export function meanOf({ sorted, offset, sums }: SortedSample, from: number, to: number): number {
  const mean = offset + (sums[to]! - sums[from]!) / (to - from);
  return Math.min(Math.max(mean, sorted[from]!), sorted[to - 1]!);
}

/** Σ (value − mean)² of sorted[from … to), exact to about 1e-16 of that of all values. */
export function inertiaOf({ sorted, sums, squares }: SortedSample, from: number, to: number): number {
  if (sorted[from] === sorted[to - 1]) return 0;
  const sum = sums[to]! - sums[from]!;
  return Math.max(0, squares[to]! - squares[from]! - (sum * sum) / (to - from));
}

/** The positions in `sorted` at which a value begins that differs from the one before. */
export function distinctStarts(sorted: Float32Array): Uint32Array {
  let count = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) count++;
  const starts = new Uint32Array(count);
  count = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) starts[count++] = i;
  return starts;
}
