/**
 * 1-D k-means of weights on the host: sort once, choose a beginning, descend by Lloyd's steps. This makes the
 * K = 2^b quantization points of ClusterQAT (algorithm 2 of the paper) before training; during training,
 * `updateCentroids` moves them on.
 *
 * Lloyd's steps only find a local optimum, so the beginning matters; it is one of the ablations of
 * ClusterQAT.
 * - `quantile`: the middles of k equal shares of the values: many centroids where the values are dense.
 * - `uniform`: the middles of k equal parts of the range: the points of a uniform quantizer.
 * - `kmeans++`: drawn one by one with probability ∝ squared distance to those drawn (Arthur & Vassilvitskii
 *   2007).
 * - `optimal`: the optimum by dynamic programming (`optimal.ts`).
 */
import { check, random, type Random } from 'oabn-base';
import { type Clustering, descend, type DescendOptions } from './lloyd.js';
import { optimalKmeans1d } from './optimal.js';
import { type SortedSample, sortedSample, upperBound } from './segments.js';
import { type Centroids, checkClusters, midpoints } from './thresholds.js';

/** How the centroids begin; `optimal` is the global optimum, from which nothing moves. */
export type KmeansInit = 'quantile' | 'uniform' | 'kmeans++' | 'optimal';
/** The ways to begin. */
export const kmeansInits = [
  'quantile',
  'uniform',
  'kmeans++',
  'optimal',
] as const satisfies readonly KmeansInit[];

/** How k-means begins, and when it stops. */
export interface KmeansOptions extends DescendOptions {
  /** A way to begin, or the initial centroids [k] themselves, ascending; default `quantile`. */
  readonly init?: KmeansInit | Centroids;
  /** Seed of the draws of `kmeans++`; default 0. */
  readonly seed?: number;
}

/**
 * Clusters `values` [n] into `k` clusters. The result depends on the values but not on their order, and is
 * the same on every run. With fewer distinct values than k, each distinct value is a centroid, and the
 * surplus centroids repeat the largest with count 0; otherwise all k centroids are distinct.
 * @param values [n ≥ 1] finite weights, or a sorted sample, to be used with several k
 * @param k from 1 to 65536; 2^b for b-bit weights
 * @throws UserError for no or non-finite values, and for options out of range
 */
export function kmeans1d(
  values: Float32Array | SortedSample,
  k: number,
  options: KmeansOptions = {},
): Clustering {
  const { init = 'quantile', maxIterations = 1000, tolerance = 0, seed = 0 } = options;
  checkClusters(k);
  check(maxIterations >= 1, () => `maxIterations must be ≥ 1, got ${maxIterations}`);
  if (typeof init === 'string') {
    check(kmeansInits.includes(init), () => `init must be one of ${kmeansInits.join(', ')}, got ${init}`);
  } else {
    check(init.length === k, () => `init must hold k = ${k} centroids, got ${init.length}`);
  }
  const sample = values instanceof Float32Array ? sortedSample(values) : values;
  const start = typeof init === 'string' ? initialCentroids(sample, k, init, seed) : init;
  return descend(sample, start, { maxIterations, tolerance });
}

/** [k] initial centroids, ascending; some may coincide. `seed` matters to `kmeans++` only. */
function initialCentroids(sample: SortedSample, k: number, init: KmeansInit, seed: number): Centroids {
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
