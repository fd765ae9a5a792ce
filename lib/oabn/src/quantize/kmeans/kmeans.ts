/**
 * 1-D k-means of weights on the host: sort once, choose a beginning, descend by Lloyd's steps. This makes the
 * K = 2^b quantization points of ClusterQAT (algorithm 2 of the paper) before training; during training,
 * `lloydStep` on the unsorted weights moves them on.
 */
import { check } from 'oabn-base';
import { type Clustering, descend, type DescendOptions } from './descend.js';
import { initialCentroids, type KmeansInit, kmeansInits } from './init.js';
import { checkClusters } from './optimal.js';
import { type SortedSample, sortedSample } from './sample.js';
import type { Centroids } from './thresholds.js';

/** How k-means begins, and when it stops. */
export interface KmeansOptions extends DescendOptions {
  /** A way to begin, or the initial centroids [k] themselves, ascending; default `quantile`. */
  readonly init?: KmeansInit | Centroids;
  /** Of the draws of `kmeans++`; default 0. */
  readonly seed?: number;
}

/**
 * Clusters `values` [n] into `k` clusters. The result depends on the values but not on their order, and is
 * the same on every run. With fewer distinct values than k, each distinct value is a centroid, and the
 * surplus centroids repeat the largest with count 0; otherwise all k centroids are distinct.
 * @param values [n ≥ 1] finite weights, or a sample sorted before, to be used with several k
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
