/**
 * Fake quantization for training: the forward pass uses the quantized value, the backward pass goes straight
 * through to the full-precision one (straight-through estimator, Bengio et al., arXiv 1308.3432; paper, section 3).
 */
import { tf } from '../backend/index.js';
import { checkBits, symmetricLevels } from './uniform.js';

/** Symmetric per-layer weights: as `weightQuantizer`, with the scale taken from `weights` at every call. */
export function fakeQuantizeWeights<T extends tf.Tensor>(weights: T, bits: number): T {
  const levels = symmetricLevels(bits);
  const scale = tf.maximum(tf.div(tf.max(tf.abs(weights)), levels), 1e-12);
  const quantized = tf.mul(tf.round(tf.div(weights, scale)), scale);
  return straightThrough(weights, quantized);
}

/** Weights as their nearest centroids. `centroids` [k] ascend; of two equally near ones the lower is taken. */
export function fakeQuantizeCluster<T extends tf.Tensor>(weights: T, centroids: tf.Tensor1D): T {
  const indices = nearestCentroid(weights, centroids);
  return straightThrough(weights, tf.reshape(tf.gather(centroids, indices), weights.shape));
}

/** The index of each weight's nearest centroid, flat [n] int32. `centroids` [k] ascend. */
export function nearestCentroid(weights: tf.Tensor, centroids: tf.Tensor1D): tf.Tensor1D {
  const k = centroids.shape[0];
  const below = tf.slice(centroids, 0, k - 1);
  const above = tf.slice(centroids, 1, k - 1);
  const midpoints = tf.mul(tf.add(below, above), 0.5) as tf.Tensor1D;
  // searchSorted gives a batch of one for vectors.
  return tf.reshape(tf.searchSorted(midpoints, tf.reshape(weights, [-1]), 'left'), [-1]);
}

/**
 * Asymmetric per-layer activations, as `activationQuantizer`, for a range given as numbers or scalars. The gradient passes
 * inside the range and is zero where the value is clamped.
 */
export function fakeQuantizeActivation<T extends tf.Tensor>(
  x: T,
  min: tf.Tensor | number,
  max: tf.Tensor | number,
  bits: number,
): T {
  checkBits(bits);
  const quantMax = 2 ** bits - 1;
  const low = tf.minimum(min, 0);
  const scale = tf.maximum(tf.div(tf.sub(tf.maximum(max, 0), low), quantMax), 1e-12);
  const zeroPoint = tf.round(tf.div(tf.neg(low), scale));
  const shifted = tf.add(tf.round(tf.div(x, scale)), zeroPoint);
  const clamped = tf.clipByValue(shifted, 0, quantMax);
  const inside = tf.cast(tf.equal(shifted, clamped), 'float32');
  return straightThrough(x, tf.mul(tf.sub(clamped, zeroPoint), scale), inside);
}

/** `value` in the forward pass; in the backward pass ∂x = ∂y, or ∂y·`passes`. */
function straightThrough<T extends tf.Tensor>(x: T, value: tf.Tensor, passes?: tf.Tensor): T {
  const replace = tf.customGrad((...inputs) => {
    const save = inputs[1] as unknown as tf.GradSaveFunc;
    save(passes ? [passes] : []);
    return {
      value: tf.clone(value),
      gradFunc: (dy: tf.Tensor, [mask]: tf.Tensor[]) => [mask ? tf.mul(dy, mask) : tf.clone(dy)],
    };
  });
  return replace(x) as T;
}
