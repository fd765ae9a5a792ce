/**
 * The centroids of ClusterQAT while it trains (paper, algorithm 2; reconstructed): one Lloyd step on the engine,
 * each centroid to the mean of its members. An empty cluster is never lost: it is put into the cluster of the
 * largest inertia, e/E of a standard deviation above its mean for the e-th of E empty ones.
 */
import { tf } from '../backend/index.js';
import { nearestCentroid } from './fakeQuantize.js';

export type CentroidUpdate = 'lloyd' | 'ema';

/** Share of the new mean in a centroid's value with the update rule `ema`. */
export const emaShare = 0.1;

/** The ascending centroids [k] after one step on `weights` (any shape). */
export function updateCentroids(
  weights: tf.Tensor,
  centroids: tf.Tensor1D,
  rule: CentroidUpdate = 'lloyd',
): tf.Tensor1D {
  const flat = tf.reshape(weights, [-1]) as tf.Tensor1D;
  const k = centroids.shape[0];
  const indices = nearestCentroid(flat, centroids);
  const total = (values: tf.Tensor1D): tf.Tensor1D => tf.denseBincount(indices, values, k) as tf.Tensor1D;
  const counts = total(tf.onesLike(flat));
  const isEmpty = tf.equal(counts, 0);
  const members = tf.maximum(counts, 1);
  const means = tf.where(isEmpty, centroids, tf.div(total(flat), members));
  const moved = rule === 'ema' ? tf.add(tf.mul(centroids, 1 - emaShare), tf.mul(means, emaShare)) : means;
  const distances = tf.squaredDifference(flat, tf.gather(means, indices)) as tf.Tensor1D;
  const seeded = tf.where(isEmpty, seeds(means, total(distances), members, isEmpty), moved);
  return ascending(seeded as tf.Tensor1D);
}

/** Where the empty clusters go: [k], of which only the empty ones' entries are used. */
function seeds(means: tf.Tensor, inertia: tf.Tensor, members: tf.Tensor, isEmpty: tf.Tensor): tf.Tensor {
  const largest = tf.reshape(tf.argMax(inertia, 0), [1]) as tf.Tensor1D;
  const at = (values: tf.Tensor): tf.Tensor => tf.gather(values, largest);
  const deviation = tf.sqrt(tf.div(at(inertia), at(members)));
  const empties = tf.cast(isEmpty, 'float32');
  const fraction = tf.div(tf.cumsum(empties), tf.maximum(tf.sum(empties), 1));
  return tf.add(at(means), tf.mul(fraction, deviation));
}

function ascending(values: tf.Tensor1D): tf.Tensor1D {
  return tf.neg(tf.topk(tf.neg(values), values.shape[0]).values);
}
