/**
 * Fake quantization for training: the forward pass uses the quantized value, the backward pass goes straight
 * through to the full-precision one (straight-through estimator, Bengio et al., arXiv 1308.3432; paper,
 * section 3).
 */
import { tf } from 'tfjs-native';
import { centroidsFromRows, fromRows, nearestInRows, offsetRows, toRows, weightRows } from './rows.js';
import type { Granularity } from './scheme.js';
import { checkBits, symmetricLevels } from './uniform.js';

/** The axes of a kernel [3,3,in,out] over which a quantizer is shared; undefined for all. */
const sharedAxes = (granularity: Granularity): number[] | undefined =>
  granularity === 'perChannel' ? [0, 1, 2] : undefined;

/**
 * Symmetric weights as `weightQuantizer`, with the scale taken from `weights` at every call: one scale, or
 * for `perChannel` one for each output channel of a kernel [3,3,in,out].
 */
export function fakeQuantizeWeights<T extends tf.Tensor>(
  weights: T,
  bits: number,
  granularity: Granularity = 'perTensor',
): T {
  const levels = symmetricLevels(bits);
  const scale = tf.maximum(tf.div(tf.max(tf.abs(weights), sharedAxes(granularity)), levels), 1e-12);
  const quantized = tf.mul(tf.round(tf.div(weights, scale)), scale);
  return straightThrough(weights, quantized);
}

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
 * 1510.00149, section 3.3). There the weights rest; here they go on moving straight through, so that they may
 * change cluster. The centroids need not ascend.
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

/** The levels that are multiples of one step. */
export interface StepLevels {
  /** Whole numbers: the levels are step·quantMin … step·quantMax. */
  readonly quantMin: number;
  readonly quantMax: number;
  /** Times the gradient of the step (g of LSQ); absent: the step is not trained. */
  readonly gradientScale?: number;
}

/** A step size counts as at least this, wherever its gradient has taken it. */
export const leastStep = 1e-8;

/**
 * Uniform levels of a given step: round(clamp(x/S, quantMin, quantMax))·S, the step a scalar or, for each
 * channel, of x's last axis. The gradient of x passes inside the levels and is zero where it is clamped; that
 * of the step is LSQ's (arXiv 1902.08153, equation 3): round(x/S) − x/S inside, quantMin or quantMax outside,
 * times `gradientScale`.
 */
export function fakeQuantizeStep<T extends tf.Tensor>(x: T, step: tf.Tensor, levels: StepLevels): T {
  const { quantMin, quantMax, gradientScale } = levels;
  const scale = tf.maximum(step, leastStep);
  const scaled = tf.div(x, scale);
  const clamped = tf.clipByValue(scaled, quantMin, quantMax);
  const level = tf.round(clamped);
  const inside = tf.cast(tf.equal(scaled, clamped), 'float32');
  if (gradientScale === undefined) return straightThrough(x, tf.mul(level, scale), inside);
  const slope = tf.sub(level, tf.mul(inside, scaled));
  const shared = x.shape.map((_, axis) => axis).slice(0, x.rank - step.rank);
  const replace = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as unknown as tf.GradSaveFunc;
    save([inside, slope]);
    const gradFunc = (dy: tf.Tensor, [passes, change]: tf.Tensor[]): tf.Tensor[] => [
      tf.mul(dy, passes!),
      tf.mul(tf.sum(tf.mul(dy, change!), shared), gradientScale),
    ];
    return { value: tf.mul(level, scale), gradFunc };
  });
  return replace(x, step) as T;
}

/**
 * The step that fits `weights` best at the levels that `step` gives them: ⟨w,q⟩/⟨q,q⟩, what Lloyd's step is
 * to clusters.
 */
export function fittedStep(weights: tf.Tensor, step: tf.Tensor, quantMax: number): tf.Tensor {
  const level = tf.round(tf.clipByValue(tf.div(weights, tf.maximum(step, leastStep)), -quantMax, quantMax));
  const shared = weights.shape.map((_, axis) => axis).slice(0, weights.rank - step.rank);
  const squares = tf.sum(tf.square(level), shared);
  const fitted = tf.div(tf.sum(tf.mul(weights, level), shared), tf.maximum(squares, 1));
  return tf.where(tf.greater(squares, 0), fitted, step);
}

/**
 * Asymmetric per-layer activations, as `activationQuantizer`, for a range given as numbers or scalars. The
 * gradient passes inside the range and is zero where the value is clamped.
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
export function straightThrough<T extends tf.Tensor>(x: T, value: tf.Tensor, passes?: tf.Tensor): T {
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
