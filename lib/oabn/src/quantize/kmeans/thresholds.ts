/**
 * Nearest centroid by thresholds. On a line, «nearest of k sorted centroids» is «between which two of the k−1
 * midpoints»: value x belongs to cluster j when thresholds[j−1] < x ≤ thresholds[j], so that a tie goes to
 * the lower one, as in `tf.searchSorted(thresholds, x, 'left')`. A midpoint is rounded *down* to float32:
 * then no float32 lies between it and the true midpoint, and the comparison picks the nearest centroid
 * exactly.
 */
import { check } from 'oabn-base';

/** [k] centroids, ascending. */
export type Centroids = Float32Array | Float64Array;

/**
 * [k−1] the midpoints of neighbouring `centroids` [k], ascending; each the largest float32 ≤ the true
 * midpoint.
 */
export function midpoints(centroids: Centroids): Float32Array {
  return Float32Array.from({ length: centroids.length - 1 }, (_, i) =>
    floatBelow((centroids[i]! + centroids[i + 1]!) / 2),
  );
}

const bits = new DataView(new ArrayBuffer(4));

/** The largest float32 that is ≤ `value`. */
export function floatBelow(value: number): number {
  const rounded = Math.fround(value);
  if (rounded <= value) return rounded;
  if (rounded === Infinity) return 3.4028234663852886e38;
  bits.setFloat32(0, rounded);
  // Floats order as their bits do: one less is nearer to 0 for a positive number, one more farther for a
  // negative.
  bits.setInt32(
    0,
    rounded > 0 ? bits.getInt32(0) - 1 : rounded === 0 ? 0x80000001 | 0 : bits.getInt32(0) + 1,
  );
  return bits.getFloat32(0);
}

/** The smallest float32 that is > `value`, itself a float32. */
export function floatAfter(value: number): number {
  if (value === 0) return 1.401298464324817e-45;
  bits.setFloat32(0, value);
  bits.setInt32(0, bits.getInt32(0) + (value > 0 ? 1 : -1));
  return bits.getFloat32(0);
}

/** @throws UserError unless `k` is a whole number from 1 to 65536 */
export function checkClusters(k: number): void {
  check(
    Number.isInteger(k) && k >= 1 && k <= 65536,
    () => `The number of clusters k must be a whole number from 1 to 65536, got ${k}`,
  );
}

/** @throws UserError unless `centroids` holds 1 to 65,536 finite numbers in ascending order. */
export function checkCentroids(centroids: Centroids): void {
  const k = centroids.length;
  check(k >= 1 && k <= 65536, () => `There must be 1 to 65536 centroids, got ${k}`);
  for (let i = 0; i < k; i++) {
    const value = centroids[i]!;
    check(Number.isFinite(value), () => `Centroids must be finite, got ${value} at index ${i}`);
    check(
      i === 0 || centroids[i - 1]! <= value,
      () => `Centroids must be in ascending order, got ${centroids[i - 1]} before ${value}; sort them first`,
    );
  }
}

/**
 * A grid over the thresholds' range that finds the interval of a value in about one comparison, without the
 * unpredictable branches of a binary search: `first[cell]` is the number of thresholds in the cells below.
 */
export interface Grid {
  readonly origin: number;
  readonly scale: number;
  /** [cells] */
  readonly first: Uint16Array;
  /** [k] the thresholds, then Infinity, which ends the search. */
  readonly ends: Float32Array;
}

const cells = 16384;

export function gridOf(thresholds: Float32Array): Grid {
  const n = thresholds.length;
  const origin = thresholds[0] ?? 0;
  const range = (thresholds[n - 1] ?? 0) - origin;
  const scale = range > 0 ? (cells - 1) / range : 0;
  const first = new Uint16Array(cells);
  // Monotone rounding makes this safe: a value in a higher cell than a threshold's is greater than that
  // threshold.
  for (const threshold of thresholds) {
    const cell = Math.min(cells - 1, Math.floor((threshold - origin) * scale));
    if (cell + 1 < cells) first[cell + 1]!++;
  }
  for (let cell = 1; cell < cells; cell++) first[cell]! += first[cell - 1]!;
  const ends = new Float32Array(n + 1).fill(Infinity);
  ends.set(thresholds);
  return { origin, scale, first, ends };
}

/** The interval of the grid's thresholds in which `value` lies: the number of thresholds < `value`. */
export function intervalOf({ origin, scale, first, ends }: Grid, value: number): number {
  const position = (value - origin) * scale;
  let interval = first[position > 0 ? (position < cells ? position | 0 : cells - 1) : 0]!;
  while (value > ends[interval]!) interval++;
  return interval;
}

/**
 * The index of the centroid nearest to each value; ties go to the lower one.
 * @param values [n], finite
 * @param centroids [k], ascending
 * @returns [n], bytes while k ≤ 256
 * @throws UserError when the centroids are not ascending finite numbers
 */
export function assign(values: Float32Array, centroids: Centroids): Uint8Array | Uint16Array {
  checkCentroids(centroids);
  const grid = gridOf(midpoints(centroids));
  const indices = centroids.length <= 256 ? new Uint8Array(values.length) : new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) indices[i] = intervalOf(grid, values[i]!);
  return indices;
}

/** `values` [n] with each replaced by its nearest centroid. @throws UserError as `assign` does */
export function quantizeToCentroids(values: Float32Array, centroids: Centroids): Float32Array {
  checkCentroids(centroids);
  const grid = gridOf(midpoints(centroids));
  return values.map((value) => centroids[intervalOf(grid, value)]!);
}
