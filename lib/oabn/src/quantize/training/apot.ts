/**
 * Weights in training at additive powers of two: APoT (Li, Dong, Wang; arXiv 1909.13144). A product with such
 * a weight is a few shifts and a sum. With b bits, one for the sign and m = b − 1 for the magnitude, the
 * levels are
 *
 *     ±α·γ·Σ_i p_i,  p_i ∈ {0, 2^−i, 2^−(i+n), 2^−(i+2n)},  i = 0 … n−1,  n = m/2        (equation 5 with k = 2)
 *
 * where γ makes the largest one α: dense around 0, sparse where few weights are. Where m is odd there are n =
 * (m−1)/2 such terms, whose last power is half as large, and one of a single bit, {0, 2^−2n}; for m = 3 that
 * is the set of the authors' code, and it gives 2^m different sums for every m.
 *
 * As in the paper (sections 2.3 and 2.4), weights are normalized by their mean μ and deviation σ, clipped at
 * a learned α, and the gradient of α accounts for both clipping and rounding:
 *
 *     ŵ = μ + σ·α·Q(x/α), x = (w − μ)/σ      ∂ŵ/∂α = σ·sign(x) where |x| > α, else σ·(Q(x/α) − x/α)      ∂ŵ/∂w = [|x| ≤ α]
 *
 * with μ and σ held constant. (The authors' code passes ∂w beyond α, too.) There a BN follows, which takes up
 * the scale; a merged network has none, so here the normalization is undone. α begins where the squared error
 * is least rather than at 3, because fine-tuning is short, and its gradient is scaled by 1/√N, N weights,
 * like that of LSQ's step, because it has the learning rate of the weights.
 */
import { schema } from 'oabn-base';
import { tf } from 'tfjs-native';
import { nearestCentroid } from '../centroids.js';
import { leastStep } from '../uniform.js';
import type { WeightTraining } from './weightTraining.js';

/** How the scale α is trained. */
export interface ApotOptions {
  /** Factor of the learning rate for α, > 0; default 1. */
  readonly rate?: number;
}

/** Additive powers of two as part of a configuration; see `apot`. */
export interface ApotQuantizer extends ApotOptions {
  readonly method: 'apot';
}

/** A value that `finetune` takes in place of k-means. @throws UserError naming what is out of range */
export const apot = (options: ApotOptions = {}): ApotQuantizer =>
  normalizeApot({ method: 'apot', ...options });

const { object, oneOf, positive } = schema;
const rule = object({ method: oneOf('apot') }, { rate: positive });

/** Defaults left out. @throws UserError naming what is out of range */
export function normalizeApot(quantizer: ApotQuantizer): ApotQuantizer {
  rule(quantizer, 'quantizer');
  const { rate = 1 } = quantizer;
  return { method: 'apot', ...(rate !== 1 && { rate }) };
}

/** The levels of b bits, ascending, 2^b − 1 of them from −1 to 1. */
export function apotLevels(bits: number): Float32Array {
  const magnitudes = apotMagnitudes(bits - 1);
  const largest = magnitudes.at(-1)!;
  const positives = magnitudes.slice(1).map((m) => m / largest);
  return Float32Array.from([...positives.map((m) => -m).reverse(), 0, ...positives]);
}

/** The 2^m sums of powers, ascending from 0, not yet scaled. */
function apotMagnitudes(m: number): number[] {
  const n = Math.floor(m / 2);
  const odd = m % 2;
  const terms = Array.from({ length: n }, (_, i) => [0, 2 ** -i, 2 ** -(i + n), 2 ** -(i + 2 * n + odd)]);
  if (odd) terms.push([0, 2 ** -(2 * n)]);
  const sums = terms.reduce<number[]>((all, term) => all.flatMap((sum) => term.map((p) => sum + p)), [0]);
  return [...new Set(sums)].sort((a, b) => a - b);
}

/** The quantizer in training. The state is `alpha`, a scalar. */
export function apotTraining(bits: number, { rate = 1 }: ApotOptions = {}): WeightTraining {
  const levels = apotLevels(bits);
  return {
    begin: (kernel) => ({ alpha: { shape: [], data: Float32Array.of(bestAlpha(kernel.data, levels)) } }),
    isTrained: true,
    rate,
    quantize: (kernel, { alpha }) => fakeQuantizeApot(kernel, alpha!, levels, 1 / Math.sqrt(kernel.size)),
    move: () => ({}),
    finish: ({ data }, { alpha }) => quantizeApot(data, levels, alpha!.data[0]!),
  };
}

/** ŵ of weights of any shape, with the gradients above; that of α times `gradientScale`. */
export function fakeQuantizeApot<T extends tf.Tensor>(
  weights: T,
  alpha: tf.Tensor,
  levels: Float32Array,
  gradientScale = 1,
): T {
  const mean = tf.mean(weights);
  const centred = tf.sub(weights, mean);
  const sigma = tf.maximum(tf.sqrt(tf.mean(tf.square(centred))), leastStep);
  const limit = tf.maximum(alpha, leastStep);
  const scaled = tf.div(tf.div(centred, sigma), limit);
  const clamped = tf.clipByValue(scaled, -1, 1);
  const points = tf.tensor1d(levels);
  const level = tf.reshape(tf.gather(points, nearestCentroid(clamped, points)), weights.shape);
  const inside = tf.cast(tf.equal(scaled, clamped), 'float32');
  const slope = tf.mul(sigma, tf.sub(level, tf.mul(inside, scaled)));
  const replace = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as unknown as tf.GradSaveFunc;
    save([inside, slope]);
    const gradFunc = (dy: tf.Tensor, [passes, change]: tf.Tensor[]): tf.Tensor[] => [
      tf.mul(dy, passes!),
      tf.mul(tf.sum(tf.mul(dy, change!)), gradientScale),
    ];
    return { value: tf.add(mean, tf.mul(tf.mul(sigma, limit), level)), gradFunc };
  });
  return replace(weights, alpha) as T;
}

/** ŵ on the host. */
export function quantizeApot(weights: Float32Array, levels: Float32Array, alpha: number): Float32Array {
  const { mean, sigma } = momentsOf(weights);
  const limit = Math.max(leastStep, alpha);
  return weights.map((w) => mean + sigma * limit * nearestLevel((w - mean) / sigma / limit, levels));
}

function nearestLevel(value: number, levels: Float32Array): number {
  let best = levels[0]!;
  for (const level of levels) if (Math.abs(level - value) < Math.abs(best - value)) best = level;
  return best;
}

function momentsOf(weights: Float32Array): { mean: number; sigma: number } {
  const mean = weights.reduce((sum, w) => sum + w, 0) / weights.length;
  const variance = weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / weights.length;
  return { mean, sigma: Math.max(leastStep, Math.sqrt(variance)) };
}

/** The α of least squared error among 0.2, 0.4, … up to the farthest weight, in σ. */
function bestAlpha(weights: Float32Array, levels: Float32Array): number {
  const { mean, sigma } = momentsOf(weights);
  // A layer's error is a mean, so a few thousand weights suffice.
  const stride = Math.max(1, Math.floor(weights.length / 4096));
  const sample = weights.filter((_, i) => i % stride === 0).map((w) => (w - mean) / sigma);
  const farthest = sample.reduce((most, x) => Math.max(most, Math.abs(x)), 0.2);
  let best = { alpha: farthest, error: Infinity };
  for (let alpha = 0.2; alpha <= farthest + 0.2; alpha += 0.2) {
    const error = sample.reduce((sum, x) => sum + (x - alpha * nearestLevel(x / alpha, levels)) ** 2, 0);
    if (error < best.error) best = { alpha, error };
  }
  return best.alpha;
}
