/**
 * Clustered weights in training by differentiable k-means: DKM (Cho, Alizadeh-Vahid, Adya, Rastegari; arXiv
 * 2108.12659, section 3.2). Every weight attends to all centroids, and the network sees what it attends to:
 *
 *     d_ij = −|w_i − c_j|      a_ij = exp(d_ij/τ) / Σ_k exp(d_ik/τ)      c_j ← Σ_i a_ij·w_i / Σ_i a_ij      w̃_i = Σ_j a_ij·c_j
 *
 * The first three are repeated, from the centroids that the last step ended with, and the gradient is the
 * true one, back through all repetitions: nothing is passed straight through. When training ends, each weight
 * becomes its nearest centroid. Two things differ from the paper: it repeats until the centroids rest, at
 * most five times, while we repeat a fixed number of times, so that a step can be compiled; and its τ is a
 * number for each network, where ours is in units of the standard deviation of the layer's weights, so that
 * one value serves layers of any scale.
 */
import { check, type HostTensor, schema } from 'oabn-base';
import { tf } from 'tfjs-native';
import { quantizeToCentroids } from '../kmeans/index.js';
import { layerCentroids } from '../quantizedNetwork.js';
import type { WeightTraining } from './weightTraining.js';

/** How soft the clusters are, and how often they are updated in a step. */
export interface DkmOptions {
  /**
   * τ in standard deviations of the layer's weights; default 0.02. The smaller, the closer to hard clusters.
   */
  readonly temperature?: number;
  /** Repetitions in each step; default 2. */
  readonly iterations?: number;
}

/** Differentiable k-means as part of a configuration; see `dkm`. */
export interface DkmQuantizer extends DkmOptions {
  readonly method: 'dkm';
}

/** DKM's defaults. */
export const dkmDefaults = { temperature: 0.02, iterations: 2 } as const satisfies DkmOptions;

/** A value that `finetune` takes in place of k-means. @throws UserError naming what is out of range */
export const dkm = (options: DkmOptions = {}): DkmQuantizer => normalizeDkm({ method: 'dkm', ...options });

const { object, oneOf, positive, whole } = schema;
const rule = object({ method: oneOf('dkm') }, { temperature: positive, iterations: whole(1, 100) });

/** Defaults left out. @throws UserError naming what is out of range */
export function normalizeDkm(quantizer: DkmQuantizer): DkmQuantizer {
  rule(quantizer, 'quantizer');
  const { temperature, iterations } = { ...dkmDefaults, ...quantizer };
  return {
    method: 'dkm',
    ...(temperature !== dkmDefaults.temperature && { temperature }),
    ...(iterations !== dkmDefaults.iterations && { iterations }),
  };
}

/** a [n,k]: how much each of the weights [n] attends to each of the centroids [k]; rows sum to 1. */
export function attention(weights: tf.Tensor, centroids: tf.Tensor, temperature: tf.Tensor): tf.Tensor2D {
  const distance = tf.abs(tf.sub(tf.reshape(weights, [-1, 1]), tf.reshape(centroids, [1, -1])));
  return tf.softmax(tf.neg(tf.div(distance, temperature))) as tf.Tensor2D;
}

/** What a centroid attends to itself, against a share of 0 in all weights. */
const leastShare = 1e-6;

/** The centroids [k] after `iterations` repetitions on weights of any shape. */
export function attendedCentroids(
  weights: tf.Tensor,
  centroids: tf.Tensor,
  temperature: tf.Tensor,
  iterations: number,
): tf.Tensor1D {
  let moved = centroids as tf.Tensor1D;
  for (let i = 0; i < iterations; i++) {
    const attended = attention(weights, moved, temperature);
    const shares = tf.sum(attended, 0);
    const sums = tf.sum(tf.mul(attended, tf.reshape(weights, [-1, 1])), 0);
    // A centroid that nothing attends to stays where it is.
    moved = tf.div(tf.add(sums, tf.mul(moved, leastShare)), tf.add(shares, leastShare)) as tf.Tensor1D;
  }
  return moved;
}

/** Weights of any shape as what they attend to among the centroids [k]. */
export function attendedWeights<T extends tf.Tensor>(
  weights: T,
  centroids: tf.Tensor,
  temperature: tf.Tensor,
): T {
  const attended = attention(weights, centroids, temperature);
  return tf.reshape(tf.sum(tf.mul(attended, tf.reshape(centroids, [1, -1])), 1), weights.shape) as T;
}

/** The quantizer in training with 2^`bits` centroids a layer. */
export function dkmTraining(bits: number, options: DkmOptions = {}): WeightTraining {
  const { temperature, iterations } = { ...dkmDefaults, ...options };
  return {
    begin: (kernel) => ({
      centroids: { shape: [2 ** bits], data: layerCentroids(kernel.data, bits) },
      temperature: { shape: [], data: Float32Array.of(temperature * deviation(kernel)) },
    }),
    isTrained: false,
    rate: 1,
    quantize: (kernel, { centroids, temperature: tau }) =>
      attendedWeights(kernel, attendedCentroids(kernel, centroids!, tau!, iterations), tau!),
    move: (kernel, { centroids, temperature: tau }) => ({
      centroids: attendedCentroids(kernel, centroids!, tau!, iterations),
      temperature: tf.clone(tau!),
    }),
    finish: ({ data }, { centroids }) => quantizeToCentroids(data, centroids!.data.slice().sort()),
  };
}

/** σ of a layer's weights. */
function deviation({ data }: HostTensor<Float32Array>): number {
  const mean = data.reduce((sum, w) => sum + w, 0) / data.length;
  const variance = data.reduce((sum, w) => sum + (w - mean) ** 2, 0) / data.length;
  check(variance > 0, 'Differentiable k-means needs distinct weights; those of one layer are all equal');
  return Math.sqrt(variance);
}
