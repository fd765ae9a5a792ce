/**
 * Clusters on the engine: weights that share centroids are a row. A kernel is one row, or one for each output
 * channel, as its centroids say: [k] are those of the whole kernel, [k,out] those of each channel (the
 * engine's layout of a state dict's [out,k]). All rows are searched and counted at once, whatever their
 * number.
 */
import { tf } from 'tfjs-native';

export interface ClusterRows {
  /** [R,N] */
  readonly weights: tf.Tensor2D;
  /** [R,k] */
  readonly centroids: tf.Tensor2D;
}

/** Weights of any shape with `centroids` [k], or of shape […,out] with `centroids` [k,out], as rows. */
export function toRows(weights: tf.Tensor, centroids: tf.Tensor): ClusterRows {
  if (centroids.rank === 1) {
    return { weights: tf.reshape(weights, [1, -1]), centroids: tf.reshape(centroids, [1, -1]) };
  }
  return { weights: weightRows(weights, centroids), centroids: tf.transpose(centroids as tf.Tensor2D) };
}

/** The rows [R,N] of values that lie as the weights do. */
export function weightRows(values: tf.Tensor, centroids: tf.Tensor): tf.Tensor2D {
  if (centroids.rank === 1) return tf.reshape(values, [1, -1]);
  return tf.transpose(tf.reshape(values, [-1, centroids.shape[1]!]) as tf.Tensor2D);
}

/** Rows [R,N] in the shape of the weights that they were. */
export function fromRows(rows: tf.Tensor2D, shape: readonly number[], centroids: tf.Tensor): tf.Tensor {
  return tf.reshape(centroids.rank === 1 ? rows : tf.transpose(rows), [...shape]);
}

/** Rows of centroids [R,k] in the layout of `like`, [k] or [k,out]. */
export function centroidsFromRows(rows: tf.Tensor2D, like: tf.Tensor): tf.Tensor {
  return like.rank === 1 ? tf.reshape(rows, [-1]) : tf.transpose(rows);
}

/**
 * [R·N] int32: where among the R·k centroids, row after row, the nearest of each weight's row stands. Each
 * row's centroids ascend; of two equally near ones the lower is taken.
 */
export function nearestInRows({ weights, centroids }: ClusterRows): tf.Tensor1D {
  const [rows, k] = centroids.shape;
  const below = tf.slice(centroids, [0, 0], [rows, k - 1]);
  const above = tf.slice(centroids, [0, 1], [rows, k - 1]);
  const midpoints = tf.mul(tf.add(below, above), 0.5);
  const inRow = tf.searchSorted(midpoints, weights, 'left');
  return tf.reshape(offsetRows(inRow as tf.Tensor2D, k), [-1]);
}

/** Indices [R,n] into rows of k as indices into all rows, one after the other. */
export function offsetRows(indices: tf.Tensor2D, k: number): tf.Tensor2D {
  const [rows] = indices.shape;
  if (rows === 1) return indices;
  return tf.add(indices, tf.reshape(tf.range(0, rows * k, k, 'int32'), [rows, 1]));
}
