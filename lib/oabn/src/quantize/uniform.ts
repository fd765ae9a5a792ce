/**
 * Uniform quantization, one scale for a layer (paper, figure 5 and appendix; reconstructed).
 *
 * - Weights, symmetric: S = max|w| / (2^(b−1)−1), q = round(w/S) in [−(2^(b−1)−1), 2^(b−1)−1], ŵ = S·q.
 * - Activations, asymmetric: S = (max−min)/(2^b−1), Z = round(−min/S), q = clamp(round(x/S)+Z, 0, 2^b−1),
 *   x̂ = S·(q−Z). The range is widened to hold 0, so that zero padding is exact.
 *
 * Rounding is half to even, as in PyTorch, ONNX and WGSL.
 *
 * First for numbers on the host, then for tensors in training: the forward pass uses the quantized value, the
 * backward pass goes straight through to the full-precision one (straight-through estimator, Bengio et al.,
 * arXiv 1308.3432; paper, section 3).
 */
import { check } from 'oabn-base';
import { tf } from 'tfjs-native';
import { checkBits, type Granularity } from './scheme.js';

/** A quantizer x̂ = scale · (clamp(round(x/scale) + zeroPoint, quantMin, quantMax) − zeroPoint). */
export interface UniformQuantizer {
  /** The distance between levels; > 0. */
  readonly scale: number;
  /** The level of 0, a whole number. */
  readonly zeroPoint: number;
  /** The smallest level, a whole number. */
  readonly quantMin: number;
  /** The largest level, a whole number. */
  readonly quantMax: number;
}

/** The observed range of a layer's activation. */
export interface ActivationRange {
  /** The smallest value. */
  readonly min: number;
  /** The largest value, ≥ `min`. */
  readonly max: number;
}

/** The largest level of symmetric b-bit weights, 2^(b−1)−1. */
export function symmetricLevels(bits: number): number {
  checkBits(bits);
  return 2 ** (bits - 1) - 1;
}

/** The symmetric quantizer of weights [n]; all-zero weights get scale 1. */
export function weightQuantizer(weights: Float32Array, bits: number): UniformQuantizer {
  const quantMax = symmetricLevels(bits);
  const maxAbs = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  return { scale: maxAbs > 0 ? maxAbs / quantMax : 1, zeroPoint: 0, quantMin: -quantMax, quantMax };
}

/** The asymmetric quantizer of activations in `range`, widened to hold 0; an empty range gets scale 1. */
export function activationQuantizer(range: ActivationRange, bits: number): UniformQuantizer {
  checkBits(bits);
  check(range.min <= range.max, `An activation range needs min ≤ max, got ${range.min} and ${range.max}`);
  const [min, max] = [Math.min(0, range.min), Math.max(0, range.max)];
  const quantMax = 2 ** bits - 1;
  const scale = max > min ? (max - min) / quantMax : 1;
  return { scale, zeroPoint: roundHalfToEven((0 - min) / scale), quantMin: 0, quantMax };
}

/** The value that stands for `x`. */
export function quantizeValue({ scale, zeroPoint, quantMin, quantMax }: UniformQuantizer, x: number): number {
  const q = roundHalfToEven(x / scale) + zeroPoint;
  return (Math.min(quantMax, Math.max(quantMin, q)) - zeroPoint) * scale;
}

/** The values that stand for `values`, in single precision. */
export function quantizeValues(quantizer: UniformQuantizer, values: Float32Array): Float32Array {
  return values.map((x) => quantizeValue(quantizer, x));
}

/** The nearest whole number, and of two equally near ones the even one, as PyTorch and IEEE 754 round. */
export function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The axes of a kernel [3,3,in,out] over which a quantizer is shared; undefined for all. */
const sharedAxes = (granularity: Granularity): number[] | undefined =>
  granularity === 'perChannel' ? [0, 1, 2] : undefined;

/**
 * Symmetric weights, as `weightQuantizer` makes them, with the scale taken from `weights` at every call: one
 * scale, or for `perChannel` one for each output channel of a kernel [3,3,in,out].
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

/** The levels that are multiples of one step. */
export interface StepLevels {
  /** Whole numbers: the levels are step·quantMin … step·quantMax. */
  readonly quantMin: number;
  readonly quantMax: number;
  /** Factor of the step's gradient (g of LSQ); absent: the step is not trained. */
  readonly gradientScale?: number;
}

/** A step size counts as at least this, even if its gradient has taken it lower. */
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
 * Asymmetric per-layer activations, as `activationQuantizer` makes them, for a range given as numbers or
 * scalars. The gradient passes inside the range and is zero where the value is clamped.
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
