/**
 * Batch normalization and OABN (paper, algorithm 1; reconstructed), per channel of x [N,H,W,C]:
 *
 *     r = γ/√(σ²+ε)      r̂ = clip(r, −s, +s)      y = r̂·(x − μ) + β
 *
 * μ and σ² are the batch's in training and the running ones in inference. s = ∞ is plain BN. Its gradient,
 * with x̂ = (x − μ)/√(σ²+ε), ⟨·⟩ the mean over N,H,W, and m = 0 where r is clipped (else 1; always 1 for
 * `straightThrough`):
 *
 *     ∂x = r̂·(∂y − ⟨∂y⟩) − m·r·x̂·⟨∂y·x̂⟩      ∂γ = m·Σ∂y·x̂      ∂β = Σ∂y
 *
 * A limit of your own, r̂ = limit(r, s), has the gradient that tfjs derives from its operations and these.
 *
 * A learned s, one for all channels, has the gradient of PACT's clipping level (arXiv 1805.06085, section
 * 3.1), here on both sides: ∂s = Σ over the channels with |r| > s of sign(r)·Σ∂y·(x − μ).
 */
import { check } from 'oabn-base';
import { tf } from 'tfjs-native';
import { type Custom, functionOf, valuesOnHost } from '../custom/index.js';
import type { Architecture, LimitFunction, Oabn } from './architecture.js';
import type { Block } from './blocks.js';
import { isLimited, type NormalizedPlace, thresholdName } from './parameters.js';
import { get, type StateDict, type Tensors } from './stateDict.js';

/** Added to the variance, as in PyTorch. */
export const bnEpsilon = 1e-5;
/** Share of the batch's statistics in the new running ones, as in PyTorch. */
export const bnMomentum = 0.1;

/** The output [N,H,W,C] of batch normalization, and the statistics that it used. */
export interface BatchNormResult {
  /** [N,H,W,C] */
  readonly y: tf.Tensor4D;
  /** Batch statistics [C], in training only: the mean and the variance (biased, divided by N·H·W). */
  readonly mean: tf.Tensor1D;
  /** [C] */
  readonly variance: tf.Tensor1D;
}

/** The limit of OABN; a learned s is a scalar tensor. */
export interface Limit extends Pick<Oabn, 'gradient' | 'limit'> {
  /** s > 0; a scalar tensor where it is learned. */
  readonly threshold: number | tf.Scalar;
}

/** A learned s counts as at least this, even if its gradient has taken it lower. */
export const leastThreshold = 1e-3;

const usedThreshold = (s: number | tf.Scalar): number | tf.Scalar =>
  typeof s === 'number' ? s : tf.maximum(s, leastThreshold);

/**
 * γ/√(σ²+ε), limited to [−s, s] when `limit` is given, with the limit's gradient to γ, σ² and a learned s.
 * All [C].
 */
export function normalizationRatio(gamma: tf.Tensor, variance: tf.Tensor, limit?: Limit): tf.Tensor {
  const ratio = tf.mul(gamma, tf.rsqrt(tf.add(variance, bnEpsilon)));
  if (!limit) return ratio;
  if (limit.limit) return limitedBy(limit.limit, ratio, usedThreshold(limit.threshold));
  const { limited, passes, side } = limitRatio(ratio, limit);
  const clip = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as unknown as tf.GradSaveFunc;
    save([...(passes ? [passes] : []), ...(side ? [side] : [])]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => [
      passes ? tf.mul(dy, saved[0]!) : tf.clone(dy),
      ...(side ? [tf.sum(tf.mul(dy, saved.at(-1)!))] : []),
    ];
    return { value: tf.clone(limited), gradFunc };
  });
  return typeof limit.threshold === 'number' ? clip(ratio) : clip(ratio, limit.threshold);
}

/**
 * r̂ by a function of your own. One number for all channels would be broadcast in training, and be that of the
 * first channel alone in merging. @throws UserError for another shape than the ratio's
 */
function limitedBy(limit: Custom<LimitFunction>, ratio: tf.Tensor, s: number | tf.Scalar): tf.Tensor {
  // The type is that of the usual case, in which a clip by −s and s compiles as the paper has it.
  const limited = functionOf(limit)(tf, ratio, s as number);
  check(
    limited.shape.join() === ratio.shape.join(),
    () =>
      `«${limit.name}» makes a tensor of shape [${limited.shape.join(', ')}] from ratios of shape [${ratio.shape.join(', ')}]; it must keep their shape`,
  );
  return limited;
}

interface LimitedRatio {
  /** r̂ */
  readonly limited: tf.Tensor;
  /** m of the formulas above; absent where it is 1 everywhere. */
  readonly passes?: tf.Tensor;
  /** ∂r̂/∂s of a learned s: sign(r) where r is clipped, else 0. */
  readonly side?: tf.Tensor;
}

function limitRatio(ratio: tf.Tensor, { threshold, gradient }: Limit): LimitedRatio {
  const isFixed = typeof threshold === 'number';
  const limited = isFixed ? tf.clipByValue(ratio, -threshold, threshold) : clipTo(ratio, threshold);
  const isInside = tf.equal(ratio, limited);
  return {
    limited,
    ...(gradient !== 'straightThrough' && { passes: tf.cast(isInside, 'float32') }),
    ...(!isFixed && { side: tf.sub(tf.sign(ratio), tf.mul(tf.sign(ratio), tf.cast(isInside, 'float32'))) }),
  };
}

function clipTo(ratio: tf.Tensor, threshold: tf.Scalar): tf.Tensor {
  const s = usedThreshold(threshold);
  return tf.minimum(tf.maximum(ratio, tf.neg(s)), s);
}

/** Inference: x [N,H,W,C] normalized with the running statistics; γ, β, mean and variance are [C]. */
export function batchNormInference(
  x: tf.Tensor4D,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  runningMean: tf.Tensor,
  runningVariance: tf.Tensor,
  limit?: Limit,
): tf.Tensor4D {
  const ratio = normalizationRatio(gamma, runningVariance, limit);
  return tf.add(tf.mul(x, ratio), tf.sub(beta, tf.mul(ratio, runningMean)));
}

/**
 * Training: x [N,H,W,C], with γ and β [C], normalized with the batch's statistics, which are returned for
 * updating the running ones.
 */
export function batchNormTraining(
  x: tf.Tensor4D,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  limit?: Limit,
): BatchNormResult {
  if (limit?.limit) return normalizedBy(x, gamma, beta, limit);
  const axes = [0, 1, 2];
  const mean = tf.mean(x, axes) as tf.Tensor1D;
  const variance = tf.mean(tf.squaredDifference(x, mean), axes) as tf.Tensor1D;
  const inverseStd = tf.rsqrt(tf.add(variance, bnEpsilon));
  const ratio = tf.mul(gamma, inverseStd);
  const { limited, passes, side }: LimitedRatio = limit ? limitRatio(ratio, limit) : { limited: ratio };

  const normalize = tf.customGrad((...inputs) => {
    const [input, , shift] = inputs as unknown as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    const save = inputs.at(-1) as unknown as tf.GradSaveFunc;
    // What the gradient needs is saved, because the engine frees everything else after the forward pass.
    const [masks, sides] = [passes ? [passes] : [], side ? [side] : []];
    save([input, mean, inverseStd, ratio, limited, ...masks, ...sides]);
    const value = tf.add(tf.mul(input, limited), tf.sub(shift, tf.mul(limited, mean)));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      batchNormGradient(dy, saved, passes && saved[5], side && saved.at(-1));
    return { value, gradFunc };
  });
  const learned = limit && typeof limit.threshold !== 'number' ? [limit.threshold] : [];
  return { y: normalize(x, gamma, beta, ...learned) as tf.Tensor4D, mean, variance };
}

/**
 * The same as `batchNormTraining`, differentiated operation by operation, for limits without a gradient
 * written by hand.
 */
function normalizedBy(x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor, limit: Limit): BatchNormResult {
  const axes = [0, 1, 2];
  const mean = tf.mean(x, axes) as tf.Tensor1D;
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), axes) as tf.Tensor1D;
  const ratio = normalizationRatio(gamma, variance, limit);
  return { y: tf.add(tf.mul(centred, ratio), beta) as tf.Tensor4D, mean, variance };
}

/** ∂x, ∂γ, ∂β and, with `side`, ∂s of the formulas above; without `passes`, m = 1. */
function batchNormGradient(
  dy: tf.Tensor,
  saved: readonly tf.Tensor[],
  passes?: tf.Tensor,
  side?: tf.Tensor,
): tf.Tensor[] {
  const [input, mean, inverseStd, ratio, limited] = saved as [...tf.Tensor[]] as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const axes = [0, 1, 2];
  const centred = tf.sub(input, mean);
  const betaGradient = tf.sum(dy, axes);
  const ofRatio = tf.sum(tf.mul(dy, centred), axes);
  const unmasked = tf.mul(ofRatio, inverseStd);
  const gammaGradient = passes ? tf.mul(unmasked, passes) : unmasked;
  // ∂x as three terms, linear in ∂y, x − μ and 1, each with a coefficient per channel.
  const perValue = -input.shape[3]! / input.size;
  const ofCentred = tf.mul(tf.mul(tf.mul(ratio, inverseStd), gammaGradient), perValue);
  const ofOne = tf.mul(tf.mul(limited, betaGradient), perValue);
  const inputGradient = tf.add(tf.add(tf.mul(dy, limited), tf.mul(centred, ofCentred)), ofOne);
  return [inputGradient, gammaGradient, betaGradient, ...(side ? [tf.sum(tf.mul(ofRatio, side))] : [])];
}

/**
 * The running statistics after a batch of `count` values per channel; the variance as PyTorch counts it
 * (unbiased).
 */
export function updateRunning(running: tf.Tensor, batch: tf.Tensor, unbias = 1): tf.Tensor {
  return tf.add(tf.mul(running, 1 - bnMomentum), tf.mul(batch, bnMomentum * unbias));
}

/**
 * The limit of the BN at `place` of `block`, with a learned s taken from `params`; undefined for plain BN.
 */
export function limitOf(
  arch: Architecture,
  block: Block,
  place: NormalizedPlace,
  params: Tensors,
): Limit | undefined {
  if (!arch.oabn || !isLimited(arch, place)) return undefined;
  const { threshold, gradient = 'clip', limit, learned = false } = arch.oabn;
  const s = learned ? (params[thresholdName(block, place)] as tf.Scalar) : threshold;
  return { threshold: s, gradient, ...(limit && { limit }) };
}

/** s of the BN at `place` of `block` as a number, as it is now where it is learned; Infinity for plain BN. */
export function hostThreshold(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
  place: NormalizedPlace,
): number {
  if (!arch.oabn || !isLimited(arch, place)) return Infinity;
  if (!arch.oabn.learned) return arch.oabn.threshold;
  return Math.max(leastThreshold, get(stateDict, thresholdName(block, place)).data[0]!);
}

/**
 * γ/σ of the BN at `place` of `block` as OABN limits it, on the host: [C] in, [C] out, rounded once where s
 * clips.
 */
export function limitedOnHost(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
  place: NormalizedPlace,
  ratio: Float64Array,
): Float64Array {
  const s = hostThreshold(arch, stateDict, block, place);
  const limit = s < Infinity ? arch.oabn?.limit : undefined;
  if (!limit) return ratio.map((r) => Math.min(s, Math.max(-s, r)));
  return Float64Array.from(valuesOnHost(() => limitedBy(limit, tf.tensor1d(Float32Array.from(ratio)), s)));
}
