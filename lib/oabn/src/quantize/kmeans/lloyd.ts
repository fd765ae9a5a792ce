/**
 * Lloyd's algorithm (Lloyd 1982).
 *
 * A step cuts the line at the midpoints of the centroids and moves each centroid to the mean of its interval.
 * A cluster that has lost all its values is reseeded, never lost: the cluster of the largest inertia is split
 * at its mean. Empty intervals cost nothing and a split lowers the inertia, so a step never raises it.
 *
 * The descent takes steps until the clusters stay the same, the inertia hardly falls, or `maxIterations` is
 * reached. The centroids are float64 on the way and float32 in the result, which is measured once more in a
 * pass over all values, so that counts and inertia belong to the centroids that are returned, free of the
 * prefix sums' cancellation.
 */
import { check } from 'oabn-base';
import { type Data, extremesOf, type Segments, segmentsOf } from './segments.js';
import { type Centroids, checkCentroids, floatBelow, midpoints } from './thresholds.js';

/** The result of one Lloyd step. */
export interface LloydStep {
  /** [k] the new centroids, ascending, float64 (round with `Float32Array.from`: they stay distinct). */
  readonly centroids: Float64Array;
  /** [k−1] where the step cut the line: cluster j holds boundaries[j−1] < x ≤ boundaries[j]. */
  readonly boundaries: Float32Array;
  /** [k] the number of values in each cluster; 0 only where there are fewer distinct values than clusters. */
  readonly counts: Uint32Array;
  /** Σ (value − its nearest centroid)² for the centroids that were *given*. */
  readonly inertia: number;
  /** How many clusters were empty and have been reseeded. */
  readonly reseeded: number;
}

/**
 * One step of Lloyd's algorithm. With values in any order: one pass, about 5 ns a value. With a
 * `SortedSample`: O(k log n). Deterministic; does not depend on the order of the values, except for the
 * rounding of float64 sums. With fewer distinct values than clusters, the surplus centroids repeat the
 * largest and have count 0.
 * @param data values [n] or a sorted sample
 * @param centroids [k], ascending
 * @throws UserError when values are missing or not finite, or centroids not ascending finite numbers
 */
export function lloydStep(data: Data, centroids: Centroids): LloydStep {
  checkCentroids(centroids);
  const nearest = midpoints(centroids);
  const segments = segmentsOf(data, nearest, centroids);
  const inertia = sum(segments.costs);
  if (!segments.counts.includes(0)) {
    return { centroids: segments.means, boundaries: nearest, counts: segments.counts, inertia, reseeded: 0 };
  }
  const repaired = withoutEmpty(data, nearest, segments);
  return { ...repaired, inertia, reseeded: segments.counts.filter((count) => count === 0).length };
}

/** How many values are nearest to each of `centroids` [k], and Σ (value − its nearest centroid)². */
export function nearestTo(data: Data, centroids: Centroids): Pick<LloydStep, 'counts' | 'inertia'> {
  checkCentroids(centroids);
  const segments = segmentsOf(data, midpoints(centroids), centroids);
  return { counts: segments.counts, inertia: sum(segments.costs) };
}

/** Where k-means ended. */
export interface Clustering {
  /** [k] ascending; distinct whenever the values have k distinct ones. */
  readonly centroids: Float32Array;
  /** [k] the number of values nearest to each centroid. */
  readonly counts: Uint32Array;
  /** Σ (value − its nearest centroid)². */
  readonly inertia: number;
  /** Lloyd steps taken. */
  readonly iterations: number;
}

/** When Lloyd's iterations stop. */
export interface DescendOptions {
  /** The largest number of Lloyd steps; default 1000. */
  readonly maxIterations?: number;
  /**
   * Stop when a step lowers the inertia by less than this part of it; default 0: until no cluster changes.
   */
  readonly tolerance?: number;
}

/**
 * Lloyd steps from `start` [k] (ascending) on. @throws UserError as `lloydStep`, and for options out of range
 */
export function descend(
  data: Data,
  start: Centroids,
  { maxIterations = 1000, tolerance = 0 }: DescendOptions = {},
): Clustering {
  check(maxIterations >= 0, () => `maxIterations must be ≥ 0, got ${maxIterations}`);
  check(tolerance >= 0, () => `tolerance must be ≥ 0, got ${tolerance}`);
  let centroids = start;
  let inertia = Infinity;
  let iterations = 0;
  while (iterations < maxIterations) {
    const step = lloydStep(data, centroids);
    iterations++;
    const same = step.centroids.every((value, j) => value === centroids[j]);
    const settled = tolerance > 0 && inertia - step.inertia <= tolerance * step.inertia;
    centroids = step.centroids;
    inertia = step.inertia;
    if (same || (settled && step.reseeded === 0)) break;
  }
  const rounded = Float32Array.from(centroids);
  const values = data instanceof Float32Array ? data : data.sorted;
  return { centroids: rounded, ...nearestTo(values, rounded), iterations };
}

/** Drops the empty intervals and splits others until there are k, or each holds a single distinct value. */
function withoutEmpty(
  data: Data,
  nearest: Float32Array,
  segments: Segments,
): Pick<LloydStep, 'centroids' | 'boundaries' | 'counts'> {
  const k = segments.counts.length;
  let boundaries = boundariesBetweenFull(nearest, segments.counts);
  let full = onlyFull(segments);
  for (;;) {
    const splits = splitsOf(data, boundaries, full, k - full.counts.length);
    if (splits.length === 0) break;
    boundaries = Float32Array.from([...boundaries, ...splits]).sort();
    full = segmentsOf(data, boundaries, centresFor(boundaries, full));
  }
  return {
    centroids: padded(full.means, k, full.means.at(-1)!),
    boundaries: padded(boundaries, k - 1, full.means.at(-1)!),
    counts: padded(full.counts, k, 0),
  };
}

/** The boundaries that remain when each empty interval is joined to a neighbour. */
function boundariesBetweenFull(boundaries: Float32Array, counts: Uint32Array): Float32Array {
  const last = counts.findLastIndex((count) => count > 0);
  return boundaries.filter((_, j) => counts[j]! > 0 && j < last);
}

type FullSegments = Pick<Segments, 'counts' | 'means' | 'inertias'>;

function onlyFull({ counts, means, inertias }: Segments): FullSegments {
  const full = (_: number, j: number): boolean => counts[j]! > 0;
  return { counts: counts.filter(full), means: means.filter(full), inertias: inertias.filter(full) };
}

/** Up to `limit` new boundaries, one in each of the clusters with the largest inertia that can be split. */
function splitsOf(
  data: Data,
  boundaries: Float32Array,
  { means, inertias }: FullSegments,
  limit: number,
): number[] {
  if (limit === 0) return [];
  const { minima, maxima } = extremesOf(data, boundaries);
  return Array.from(means.keys())
    .filter((j) => minima[j]! < maxima[j]!)
    .sort((a, b) => inertias[b]! - inertias[a]! || a - b)
    .slice(0, limit)
    .map((j) => {
      const cut = floatBelow(means[j]!);
      return cut >= minima[j]! && cut < maxima[j]! ? cut : minima[j]!;
    });
}

/** A number in or next to each interval of `boundaries`; the only cluster's mean if there are none. */
function centresFor(boundaries: Float32Array, { means }: FullSegments): Float64Array {
  const centre = (_: unknown, j: number): number => boundaries[j] ?? boundaries[j - 1] ?? means[0]!;
  return Float64Array.from({ length: boundaries.length + 1 }, centre);
}

const sum = (numbers: Float64Array): number => numbers.reduce((total, number) => total + number, 0);

function padded<Numbers extends Float32Array | Float64Array | Uint32Array>(
  numbers: Numbers,
  length: number,
  fill: number,
): Numbers {
  const result = new (numbers.constructor as new (length: number) => Numbers)(length).fill(fill) as Numbers;
  result.set(numbers);
  return result;
}
