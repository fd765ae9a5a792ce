/**
 * Where k-means begins. Lloyd's steps only find a local optimum, so the beginning matters: it is an ablation
 * of ClusterQAT.
 * - `quantile`: the middles of k equal shares of the values: many centroids where the values are dense.
 * - `uniform`: the middles of k equal parts of the range: the points of a uniform quantizer.
 * - `kmeans++`: drawn one by one with probability ∝ squared distance to those drawn (Arthur & Vassilvitskii
 *   2007).
 * - `optimal`: the optimum by dynamic programming (`optimal.ts`).
 */
import { random, type Random } from 'oabn-base';
import { optimalKmeans1d } from './optimal.js';
import { type SortedSample, upperBound } from './sample.js';
import { type Centroids, midpoints } from './thresholds.js';

/** How the centroids begin; `optimal` is the global optimum, from which nothing moves. */
export type KmeansInit = 'quantile' | 'uniform' | 'kmeans++' | 'optimal';
/** The ways to begin. */
export const kmeansInits = [
  'quantile',
  'uniform',
  'kmeans++',
  'optimal',
] as const satisfies readonly KmeansInit[];

/** [k] initial centroids, ascending; some may coincide. `seed` matters to `kmeans++` only. */
export function initialCentroids(sample: SortedSample, k: number, init: KmeansInit, seed: number): Centroids {
  const { sorted } = sample;
  switch (init) {
    case 'quantile':
      return Float64Array.from({ length: k }, (_, j) => sorted[Math.floor(((j + 0.5) * sorted.length) / k)]!);
    case 'uniform': {
      const [least, greatest] = [sorted[0]!, sorted[sorted.length - 1]!];
      return Float64Array.from({ length: k }, (_, j) => least + ((j + 0.5) * (greatest - least)) / k);
    }
    case 'kmeans++':
      return plusPlus(sample, k, random(seed, 'kmeans++', k));
    case 'optimal':
      return optimalKmeans1d(sample, k).centroids;
    default:
      return init satisfies never;
  }
}

/**
 * In 1-D, the next draw needs no pass over the values: prefix sums give the distances of any interval at
 * once.
 */
function plusPlus(sample: SortedSample, k: number, rng: Random): Float64Array {
  const { sorted } = sample;
  let centroids = [sorted[rng.integer(sorted.length)]!];
  while (centroids.length < k) {
    centroids = [...centroids, sorted[drawFarFrom(sample, centroids, rng)]!].sort((a, b) => a - b);
  }
  return Float64Array.from(centroids);
}

/** A position in `sorted`, drawn with probability ∝ squared distance to the nearest of `centroids`. */
function drawFarFrom(sample: SortedSample, centroids: number[], rng: Random): number {
  const thresholds = midpoints(Float64Array.from(centroids));
  const n = sample.sorted.length;
  const ends = centroids.map((_, j) =>
    j < thresholds.length ? upperBound(sample.sorted, thresholds[j]!) : n,
  );
  const start = (j: number): number => ends[j - 1] ?? 0;
  const costs = centroids.map((centroid, j) => squaredDistances(sample, centroid, start(j), ends[j]!));
  let left = rng.uniform() * costs.reduce((sum, cost) => sum + cost, 0);
  let cluster = 0;
  while (cluster < costs.length - 1 && left >= costs[cluster]!) left -= costs[cluster++]!;
  let [from, to] = [start(cluster), Math.max(start(cluster), ends[cluster]! - 1)];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (squaredDistances(sample, centroids[cluster]!, start(cluster), middle + 1) > left) to = middle;
    else from = middle + 1;
  }
  return Math.min(from, n - 1);
}

/** Σ (value − centre)² of sorted[from … to). */
function squaredDistances(
  { offset, sums, squares }: SortedSample,
  centre: number,
  from: number,
  to: number,
): number {
  const c = centre - offset;
  const sum = sums[to]! - sums[from]!;
  return Math.max(0, squares[to]! - squares[from]! - 2 * c * sum + (to - from) * c * c);
}
