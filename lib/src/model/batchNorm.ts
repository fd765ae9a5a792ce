/**
 * Batch normalization and OABN (paper, algorithm 1; reconstructed), per channel of x [N,H,W,C]:
 *
 *     r = γ/√(σ²+ε)      r̂ = clip(r, −s, +s)      y = r̂·(x − μ) + β
 *
 * μ and σ² are the batch's in training and the running ones in inference. s = ∞ is plain BN. Its gradient, with
 * x̂ = (x − μ)/√(σ²+ε), ⟨·⟩ the mean over N,H,W, and m = 0 where r is clipped (else 1; always 1 for
 * `straightThrough`):
 *
 *     ∂x = r̂·(∂y − ⟨∂y⟩) − m·r·x̂·⟨∂y·x̂⟩      ∂γ = m·Σ∂y·x̂      ∂β = Σ∂y
 */
import { tf } from '../backend/index.js';
import type { Oabn } from './architecture.js';

/** Added to the variance, as in PyTorch. */
export const bnEpsilon = 1e-5;
/** Share of the batch's statistics in the new running ones, as in PyTorch. */
export const bnMomentum = 0.1;

export interface BatchNormResult {
  readonly y: tf.Tensor4D;
  /** Batch statistics [C], in training only: the mean and the variance (biased, divided by N·H·W). */
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

type Limit = Pick<Oabn, 'threshold' | 'gradient'>;

/** γ/√(σ²+ε), limited to [−s, s] when `limit` is given. All [C]. */
export function normalizationRatio(gamma: tf.Tensor, variance: tf.Tensor, limit?: Limit): tf.Tensor {
  const ratio = tf.mul(gamma, tf.rsqrt(tf.add(variance, bnEpsilon)));
  return limit ? tf.clipByValue(ratio, -limit.threshold, limit.threshold) : ratio;
}

/** Inference: normalizes with the running statistics. */
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

/** Training: normalizes with the batch's statistics and returns them for the running ones. */
export function batchNormTraining(
  x: tf.Tensor4D,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  limit?: Limit,
): BatchNormResult {
  const axes = [0, 1, 2];
  const mean = tf.mean(x, axes) as tf.Tensor1D;
  const variance = tf.mean(tf.squaredDifference(x, mean), axes) as tf.Tensor1D;
  const inverseStd = tf.rsqrt(tf.add(variance, bnEpsilon));
  const ratio = tf.mul(gamma, inverseStd);
  const limited = limit ? tf.clipByValue(ratio, -limit.threshold, limit.threshold) : ratio;
  const passes =
    limit && limit.gradient !== 'straightThrough' ? tf.cast(tf.equal(ratio, limited), 'float32') : undefined;

  const normalize = tf.customGrad((...inputs) => {
    const [input, , shift, save] = inputs as unknown as [
      tf.Tensor4D,
      tf.Tensor1D,
      tf.Tensor1D,
      tf.GradSaveFunc,
    ];
    // What the gradient needs is saved, for the engine frees everything else after the forward pass.
    save([input, mean, inverseStd, ratio, limited, ...(passes ? [passes] : [])]);
    const value = tf.add(tf.mul(input, limited), tf.sub(shift, tf.mul(limited, mean)));
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => batchNormGradient(dy, saved) };
  });
  return { y: normalize(x, gamma, beta) as tf.Tensor4D, mean, variance };
}

/** ∂x, ∂γ and ∂β of the formulas above; without `passes`, m = 1. */
function batchNormGradient(dy: tf.Tensor, saved: readonly tf.Tensor[]): tf.Tensor[] {
  const [input, mean, inverseStd, ratio, limited, passes] = saved as [...tf.Tensor[]] as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor?,
  ];
  const axes = [0, 1, 2];
  const centred = tf.sub(input, mean);
  const betaGradient = tf.sum(dy, axes);
  const unmasked = tf.mul(tf.sum(tf.mul(dy, centred), axes), inverseStd);
  const gammaGradient = passes ? tf.mul(unmasked, passes) : unmasked;
  // ∂x as three terms, linear in ∂y, x − μ and 1, each with a coefficient per channel.
  const perValue = -input.shape[3]! / input.size;
  const ofCentred = tf.mul(tf.mul(tf.mul(ratio, inverseStd), gammaGradient), perValue);
  const ofOne = tf.mul(tf.mul(limited, betaGradient), perValue);
  const inputGradient = tf.add(tf.add(tf.mul(dy, limited), tf.mul(centred, ofCentred)), ofOne);
  return [inputGradient, gammaGradient, betaGradient];
}

/** The running statistics after a batch of `count` values per channel; the variance as PyTorch counts it (unbiased). */
export function updateRunning(running: tf.Tensor, batch: tf.Tensor, unbias = 1): tf.Tensor {
  return tf.add(tf.mul(running, 1 - bnMomentum), tf.mul(batch, bnMomentum * unbias));
}
