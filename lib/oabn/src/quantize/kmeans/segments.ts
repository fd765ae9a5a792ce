/**
 * What is known about each cluster when thresholds cut the values into intervals. Two ways to measure it:
 * from a sorted sample in O(k log n), or in one pass over values in any order, for weights that move a little
 * in every training step and would have to be sorted again each time.
 *
 * The sorted sample is what makes 1-D k-means cheap. After one sort, a cluster is an interval of the sorted
 * values: its count, sum and sum of squares are differences of prefix sums, and its ends are found by binary
 * search. Sums are float64 and taken about the mean, against cancellation.
 */
import { check } from 'oabn-base';
import { type Centroids, floatAfter, type Grid, gridOf, intervalOf } from './thresholds.js';

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
function checkValues(values: Float32Array): void {
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

/** What is known of each of k intervals. */
export interface Segments {
  /** [k] the number of its values */
  readonly counts: Uint32Array;
  /** [k] their mean, NaN if there are none */
  readonly means: Float64Array;
  /** [k] Σ (value − mean)² */
  readonly inertias: Float64Array;
  /** [k] Σ (value − centre)² */
  readonly costs: Float64Array;
}

/** The least and the greatest value of each interval; meaningless where it is empty. */
export interface Extremes {
  readonly minima: Float32Array;
  readonly maxima: Float32Array;
}

/** Values to cluster: as they are, or sorted beforehand. */
export type Data = Float32Array | SortedSample;

/**
 * Measures the intervals into which `thresholds` [k−1] (ascending) cut the values. `centres` [k] are the
 * centroids, or any numbers near to the means; a single pass sums about them, against cancellation.
 * @throws UserError when a value is not finite
 */
export function segmentsOf(data: Data, thresholds: Float32Array, centres: Centroids): Segments {
  return data instanceof Float32Array
    ? scanned(data, thresholds, Float64Array.from(centres))
    : searched(data, thresholds, centres);
}

function searched(sample: SortedSample, thresholds: Float32Array, centres: Centroids): Segments {
  const ends = endsOf(sample.sorted, thresholds);
  const start = (j: number): number => ends[j - 1] ?? 0;
  const counts = Uint32Array.from(ends, (end, j) => end - start(j));
  const means = Float64Array.from(ends, (end, j) =>
    counts[j]! > 0 ? meanOf(sample, start(j), end) : Number.NaN,
  );
  const inertias = Float64Array.from(ends, (end, j) =>
    counts[j]! > 0 ? inertiaOf(sample, start(j), end) : 0,
  );
  // Steiner's theorem: the moment about any point from that about the mean.
  const costs = inertias.map((inertia, j) =>
    counts[j]! > 0 ? inertia + counts[j]! * (means[j]! - centres[j]!) ** 2 : 0,
  );
  return { counts, means, inertias, costs };
}

/** [k] where each interval ends in `sorted`. */
function endsOf(sorted: Float32Array, thresholds: Float32Array): Uint32Array {
  const ends = new Uint32Array(thresholds.length + 1).fill(sorted.length);
  thresholds.forEach((threshold, j) => (ends[j] = upperBound(sorted, threshold, ends[j - 1] ?? 0)));
  return ends;
}

function scanned(values: Float32Array, thresholds: Float32Array, centres: Float64Array): Segments {
  const totals = scan(values, gridOf(thresholds), centres);
  const column = (at: number): Float64Array => centres.map((_, j) => totals[4 * j + at]!);
  const [counts, sums, costs] = [Uint32Array.from(column(0)), column(1), column(2)];
  if (values.length === 0 || !costs.every(Number.isFinite)) checkValues(values);
  const means = sums.map((sum, j) =>
    counts[j]! > 0 ? within(thresholds, j, centres[j]! + sum / counts[j]!) : Number.NaN,
  );
  const inertias = costs.map((cost, j) =>
    counts[j]! > 0 ? Math.max(0, cost - sums[j]! ** 2 / counts[j]!) : 0,
  );
  return { counts, means, inertias, costs };
}

/** A mean moved into its interval, where rounding put it outside: the means of two clusters never meet. */
function within(thresholds: Float32Array, j: number, mean: number): number {
  const least = j > 0 ? floatAfter(thresholds[j - 1]!) : -Infinity;
  return Math.min(Math.max(mean, least), thresholds[j] ?? Infinity);
}

/**
 * The inner loop of training with clusters: about one comparison, one count and two sums per value.
 * @returns [k, 4] count, Σ distance and Σ distance² from the centre, together in memory; the last of four is
 * unused
 */
function scan(values: Float32Array, grid: Grid, centres: Float64Array): Float64Array {
  const totals = new Float64Array(4 * centres.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const j = intervalOf(grid, value);
    const distance = value - centres[j]!;
    totals[4 * j]! += 1;
    totals[4 * j + 1]! += distance;
    totals[4 * j + 2]! += distance * distance;
  }
  return totals;
}

/** The extremes of the intervals into which `thresholds` cut the values. */
export function extremesOf(data: Data, thresholds: Float32Array): Extremes {
  const k = thresholds.length + 1;
  const minima = new Float32Array(k).fill(Infinity);
  const maxima = new Float32Array(k).fill(-Infinity);
  if (data instanceof Float32Array) {
    const grid = gridOf(thresholds);
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      const j = intervalOf(grid, value);
      if (value < minima[j]!) minima[j] = value;
      if (value > maxima[j]!) maxima[j] = value;
    }
    return { minima, maxima };
  }
  endsOf(data.sorted, thresholds).forEach((end, j, ends) => {
    const start = ends[j - 1] ?? 0;
    if (end > start) [minima[j], maxima[j]] = [data.sorted[start]!, data.sorted[end - 1]!];
  });
  return { minima, maxima };
}
