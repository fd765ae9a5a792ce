/**
 * Learned rounding (AdaRound, arXiv 2004.10568, section 3.3): a weight w with scale S becomes
 *
 *     ŵ = S · clip(⌊w/S⌋ + h(V), −L, L),    h(V) = clip(1.2·σ(V) − 0.1, 0, 1)
 *
 * where h, the rectified sigmoid (equation 23), begins at the fraction of w/S, so that at first ŵ = w. The
 * regularizer Σ 1 − |2h − 1|^β (equation 24) drives each h to 0 or 1: softly while β is large, firmly when it
 * is small. What remains in the end is the choice between the level below and the level above.
 */
import { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import { type Granularity, groupsOf } from '../../scheme.js';
import { symmetricLevels } from '../../uniform.js';
import { mseWeightQuantizer } from '../mse.js';

/**
 * The stretch of the sigmoid to [−0.1, 1.1], by which h reaches 0 and 1 at finite V (ζ and γ of the paper).
 */
const [zeta, gamma] = [1.1, -0.1];

/** V of a weight that has no choice: h is 1 with no gradient, of the output or of the regularizer. */
const decided = 10;

/**
 * A kernel [out,in,3,3] (OIHW) on its grid.
 * `below` holds levels, the scales belong to the groups of `groupsOf`.
 */
export interface RoundingProblem {
  readonly shape: readonly number[];
  readonly scales: Float64Array;
  /** The level below each weight, or the last one where the weight is beyond the levels. */
  readonly below: Float32Array;
  /** 1 where the level above is a choice, 0 where the weight is beyond the levels. */
  readonly free: Float32Array;
  /** V at first. */
  readonly logits: Float32Array;
}

/** The scale of least squared error of each group of a kernel's weights that shares one. */
export function kernelScales(
  kernel: HostTensor<Float32Array>,
  bits: number,
  granularity?: Granularity,
): Float64Array {
  return Float64Array.from(
    groupsOf(kernel, granularity),
    (weights) => mseWeightQuantizer(weights, bits).scale,
  );
}

/** A kernel on the grid of b-bit levels with the given scales, and V that leaves the weights as they are. */
export function roundingProblem(
  kernel: HostTensor<Float32Array>,
  bits: number,
  scales: Float64Array,
): RoundingProblem {
  const levels = symmetricLevels(bits);
  const n = kernel.data.length;
  const [below, free, logits] = [new Float32Array(n), new Float32Array(n), new Float32Array(n)];
  kernel.data.forEach((weight, i) => {
    const level = weight / scales[groupOf(i, n, scales.length)]!;
    const floor = Math.floor(level);
    below[i] = Math.min(levels, Math.max(-levels, floor));
    free[i] = floor >= -levels && floor < levels ? 1 : 0;
    logits[i] = free[i] ? logitOf(level - floor) : decided;
  });
  return { shape: kernel.shape, scales, below, free, logits };
}

/**
 * The kernel's data with each weight at the level below where V < 0, above where V ≥ 0. `gains` scale the
 * groups.
 */
export function roundedKernel(
  { below, free, scales }: RoundingProblem,
  logits: Float32Array,
  gains: ArrayLike<number> = [1],
): Float32Array {
  const n = below.length;
  return below.map((level, i) => {
    const group = groupOf(i, n, scales.length);
    const up = free[i]! > 0 && logits[i]! >= 0 ? 1 : 0;
    return (level + up) * scales[group]! * gains[gains.length > 1 ? group : 0]!;
  });
}

/**
 * Both ends of the interval in which each weight is rounded, as data of kernels: S·⌊w/S⌋ and the width S, or
 * 0.
 */
export function roundingIntervals({ below, free, scales }: RoundingProblem): {
  low: Float32Array;
  width: Float32Array;
} {
  const n = below.length;
  const scaled = (values: Float32Array): Float32Array =>
    values.map((value, i) => value * scales[groupOf(i, n, scales.length)]!);
  return { low: scaled(below), width: scaled(free) };
}

/** h(V), in [0, 1]. */
export function rectifiedSigmoid<T extends tf.Tensor>(logits: T): T {
  return tf.clipByValue(tf.add(tf.mul(tf.sigmoid(logits), zeta - gamma), gamma), 0, 1) as T;
}

/** Σ 1 − |2h − 1|^β over all weights: 0 when every h is 0 or 1. */
export function roundingRegularizer(h: tf.Tensor, beta: tf.Scalar): tf.Scalar {
  const distance = tf.abs(tf.sub(tf.mul(h, 2), 1));
  return tf.sum(tf.sub(1, tf.pow(distance, beta))) as tf.Scalar;
}

/** The first fifth of the iterations has no regularizer (BRECQ's and AdaRound's published settings). */
export const warmUp = 0.2;

/** β at `progress` of the iterations, in [0, 1]: 20 until the warm-up ends, then falling linearly to 2. */
export function betaAt(progress: number): number {
  return 20 - 18 * Math.max(0, (progress - warmUp) / (1 - warmUp));
}

/** The V for which h(V) = `fraction`, in [0, 1). */
function logitOf(fraction: number): number {
  return -Math.log((zeta - gamma) / (fraction - gamma) - 1);
}

/** The group of element i of n, when `groups` groups of equal size follow one another. */
function groupOf(i: number, n: number, groups: number): number {
  return Math.floor((i * groups) / n);
}
