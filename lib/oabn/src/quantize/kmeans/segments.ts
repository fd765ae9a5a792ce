/**
 * What is known of each cluster when thresholds cut the values into intervals. Two ways to measure it: from a
 * sorted sample in O(k log n), or in one pass over values in any order, for weights that move a little in
 * every training step and would have to be sorted anew each time.
 */
import { checkValues, inertiaOf, meanOf, type SortedSample, upperBound } from './sample.js';
import { type Centroids, floatAfter, type Grid, gridOf, intervalOf } from './thresholds.js';

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

/** Values to cluster: as they are, or sorted before. */
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
