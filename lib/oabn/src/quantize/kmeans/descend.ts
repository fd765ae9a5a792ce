/**
 * Lloyd's algorithm to its end: steps until the clusters stay the same, the inertia hardly falls, or the
 * patience is spent. The centroids are float64 on the way and float32 in the result, which is measured once
 * more in a pass over all values, so that counts and inertia belong to the centroids that are returned, free
 * of the prefix sums' cancellation.
 */
import { check } from 'oabn-base';
import { lloydStep, nearestTo } from './lloyd.js';
import type { Data } from './segments.js';
import type { Centroids } from './thresholds.js';

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
  /** Most Lloyd steps; default 1000. */
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
