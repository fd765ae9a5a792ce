/**
 * Clustered weights on the engine, while a network trains (paper, algorithm 2; reconstructed): each weight as
 * its nearest centroid, with a gradient that goes straight through; and one Lloyd step, each centroid to the
 * mean of its members. An empty cluster is never lost: it is put into the cluster of the largest inertia, e/E
 * of a standard deviation above its mean for the e-th of E empty ones.
 *
 * Weights that share centroids are a row. A kernel is one row, or one for each output channel, as its
 * centroids say: [k] are those of the whole kernel, [k,out] those of each channel (the engine's layout of a
 * state dict's [out,k]). All rows are searched and counted at once, whatever their number.
 */
import { tf } from 'tfjs-native';
import { straightThrough } from './uniform.js';

/**
 * Weights as their nearest centroids: ascending ones [k], or [k,out] for each output channel of weights
 * […,out]. Of two equally near ones the lower is taken.
 */
export function fakeQuantizeCluster<T extends tf.Tensor>(weights: T, centroids: tf.Tensor): T {
  const rows = toRows(weights, centroids);
  const values = tf.gather(tf.reshape(rows.centroids, [-1]), nearestInRows(rows));
  return straightThrough(
    weights,
    fromRows(tf.reshape(values, rows.weights.shape) as tf.Tensor2D, weights.shape, centroids),
  );
}

/**
 * As `fakeQuantizeCluster`, with a gradient to the centroids as well: the sum of their members' (arXiv
 * 1510.00149, section 3.3). There the weights stay fixed; here they keep moving by the straight-through
 * gradient, so that they may change cluster. The centroids need not ascend.
 */
export function fakeQuantizeTrainedCluster<T extends tf.Tensor>(weights: T, centroids: tf.Tensor): T {
  const given = toRows(weights, centroids);
  const [count, k] = given.centroids.shape;
  const { values: negated, indices } = tf.topk(tf.neg(given.centroids), k);
  const ascending = nearestInRows({ weights: given.weights, centroids: tf.neg(negated) });
  const places = tf.reshape(offsetRows(indices as tf.Tensor2D, k), [-1]);
  const members = tf.gather(places, ascending);
  const replace = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as unknown as tf.GradSaveFunc;
    save([members]);
    const values = tf.gather(tf.reshape(given.centroids, [-1]), members);
    const quantized = tf.reshape(values, given.weights.shape) as tf.Tensor2D;
    const gradFunc = (dy: tf.Tensor, [at]: tf.Tensor[]): tf.Tensor[] => {
      const flat = tf.reshape(weightRows(dy, centroids), [-1]) as tf.Tensor1D;
      const sums = tf.reshape(tf.denseBincount(at as tf.Tensor1D, flat, count * k), [
        count,
        k,
      ]) as tf.Tensor2D;
      return [tf.clone(dy), centroidsFromRows(sums, centroids)];
    };
    return { value: fromRows(quantized, weights.shape, centroids), gradFunc };
  });
  return replace(weights, centroids) as T;
}

/** The index of each weight's nearest centroid, flat [n] int32. `centroids` [k] ascend. */
export function nearestCentroid(weights: tf.Tensor, centroids: tf.Tensor1D): tf.Tensor1D {
  return nearestInRows(toRows(weights, centroids));
}

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

/** Where the empty clusters of each row go: [R,k]; only the entries of empty ones are used. */
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

interface ClusterRows {
  /** [R,N] */
  readonly weights: tf.Tensor2D;
  /** [R,k] */
  readonly centroids: tf.Tensor2D;
}

/** Weights of any shape with `centroids` [k], or of shape […,out] with `centroids` [k,out], as rows. */
function toRows(weights: tf.Tensor, centroids: tf.Tensor): ClusterRows {
  if (centroids.rank === 1) {
    return { weights: tf.reshape(weights, [1, -1]), centroids: tf.reshape(centroids, [1, -1]) };
  }
  return { weights: weightRows(weights, centroids), centroids: tf.transpose(centroids as tf.Tensor2D) };
}

/** The rows [R,N] of values that are laid out like the weights. */
function weightRows(values: tf.Tensor, centroids: tf.Tensor): tf.Tensor2D {
  if (centroids.rank === 1) return tf.reshape(values, [1, -1]);
  return tf.transpose(tf.reshape(values, [-1, centroids.shape[1]!]) as tf.Tensor2D);
}

/** Rows [R,N] in the shape of the weights that they came from. */
function fromRows(rows: tf.Tensor2D, shape: readonly number[], centroids: tf.Tensor): tf.Tensor {
  return tf.reshape(centroids.rank === 1 ? rows : tf.transpose(rows), [...shape]);
}

/** Rows of centroids [R,k] in the layout of `like`, [k] or [k,out]. */
function centroidsFromRows(rows: tf.Tensor2D, like: tf.Tensor): tf.Tensor {
  return like.rank === 1 ? tf.reshape(rows, [-1]) : tf.transpose(rows);
}

/**
 * [R·N] int32: where among the R·k centroids, row after row, the nearest of each weight's row stands. Each
 * row's centroids ascend; of two equally near ones the lower is taken.
 */
function nearestInRows({ weights, centroids }: ClusterRows): tf.Tensor1D {
  const [rows, k] = centroids.shape;
  const below = tf.slice(centroids, [0, 0], [rows, k - 1]);
  const above = tf.slice(centroids, [0, 1], [rows, k - 1]);
  const midpoints = tf.mul(tf.add(below, above), 0.5);
  const inRow = tf.searchSorted(midpoints, weights, 'left');
  return tf.reshape(offsetRows(inRow as tf.Tensor2D, k), [-1]);
}

/** Indices [R,n] into rows of k as indices into all rows, one after the other. */
function offsetRows(indices: tf.Tensor2D, k: number): tf.Tensor2D {
  const [rows] = indices.shape;
  if (rows === 1) return indices;
  return tf.add(indices, tf.reshape(tf.range(0, rows * k, k, 'int32'), [rows, 1]));
}
