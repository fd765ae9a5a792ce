/**
 * The centroids of ClusterQAT while it trains (paper, algorithm 2; reconstructed): one Lloyd step on the
 * engine, each centroid to the mean of its members. An empty cluster is never lost: it is put into the
 * cluster of the largest inertia, e/E of a standard deviation above its mean for the e-th of E empty ones.
 */
import { tf } from 'tfjs-native';
import { centroidsFromRows, nearestInRows, toRows } from './rows.js';

/**
 * How centroids move. `lloyd`: to the mean of their members. `ema`: a share of the way. `gradient`: they are
 * parameters, trained with the sum of their members' gradients (`fakeQuantizeTrainedCluster`).
 */
export const centroidUpdates = ['lloyd', 'ema', 'gradient'] as const;
/** How the centroids of ClusterQAT move. */
export type CentroidUpdate = (typeof centroidUpdates)[number];

/** Share of the new mean in a centroid's value with the update rule `ema`. */
export const emaShare = 0.1;

/**
 * The ascending centroids after one step on `weights`: [k] for weights of any shape, or [k,out], for each
 * output channel of weights […,out].
 */
export function updateCentroids<T extends tf.Tensor>(
  weights: tf.Tensor,
  centroids: T,
  rule: Exclude<CentroidUpdate, 'gradient'> = 'lloyd',
): T {
  const rows = toRows(weights, centroids);
  const [count, k] = rows.centroids.shape;
  const indices = nearestInRows(rows);
  const total = (values: tf.Tensor): tf.Tensor2D => {
    const flat = tf.reshape(values, [-1]) as tf.Tensor1D;
    return tf.reshape(tf.denseBincount(indices, flat, count * k), [count, k]);
  };
  const counts = total(tf.onesLike(rows.weights));
  const isEmpty = tf.equal(counts, 0);
  const members = tf.maximum(counts, 1);
  const means = tf.where(isEmpty, rows.centroids, tf.div(total(rows.weights), members));
  const moved =
    rule === 'ema' ? tf.add(tf.mul(rows.centroids, 1 - emaShare), tf.mul(means, emaShare)) : means;
  const nearest = tf.reshape(tf.gather(tf.reshape(means, [-1]), indices), rows.weights.shape);
  const inertia = total(tf.squaredDifference(rows.weights, nearest));
  const seeded = tf.where(isEmpty, seeds(means, inertia, members, isEmpty), moved);
  return centroidsFromRows(ascending(seeded as tf.Tensor2D), centroids) as T;
}

/** Where the empty clusters of each row go: [R,k], of which only the empty ones' entries are used. */
function seeds(means: tf.Tensor, inertia: tf.Tensor2D, members: tf.Tensor, isEmpty: tf.Tensor): tf.Tensor {
  const k = inertia.shape[1];
  const largest = tf.oneHot(tf.argMax(inertia, 1), k, 1, 0, 'float32');
  const at = (values: tf.Tensor): tf.Tensor => tf.sum(tf.mul(values, largest), 1, true);
  const deviation = tf.sqrt(tf.div(at(inertia), at(members)));
  const empties = tf.cast(isEmpty, 'float32');
  const fraction = tf.div(tf.cumsum(empties, 1), tf.maximum(tf.sum(empties, 1, true), 1));
  return tf.add(at(means), tf.mul(fraction, deviation));
}

/** Each row [R,k] in ascending order. */
function ascending(rows: tf.Tensor2D): tf.Tensor2D {
  return tf.neg(tf.topk(tf.neg(rows), rows.shape[1]).values);
}
