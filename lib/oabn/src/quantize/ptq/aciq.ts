/**
 * ACIQ (Banner et al., arXiv 1810.05723): clipping without search. An activation is taken for a Laplace or a
 * normal variable cut by the ReLU; the threshold α that minimizes clipping error plus rounding noise then
 * depends on the distribution's one parameter and on M bits alone (section 3). For a range [−α, α] of a
 * Laplace variable of scale b,
 *
 *     MSE(α) = 2b²·e^(−α/b) + α²/(3·4^M),   least where (α/b)·e^(α/b) = 3·4^M,
 *
 * and likewise for a normal one. A ReLU leaves one half and so half the range: the optimum of M + 1 bits. b
 * is the mean and σ² the mean square of the positive values, which the ReLU has not touched. Of the two
 * thresholds the one with less error on the histogram is taken. (The authors' code measures b and σ about the mean of
 * all values, zeros included, and adds that mean to the threshold.)
 *
 * Weights are not clipped. What rounding does to their mean and norm is undone (section 5): with q = Q(w),
 *
 *     q becomes E(w) + ξ·(q − E(q)),   ξ = ‖w − E(w)‖ / ‖q − E(q)‖,
 *
 * which restores both, as the authors' code does (equation 13 scales the corrected mean, too). That is one
 * scale and one offset for all weights that share a quantizer: each channel as in the paper, or a whole
 * layer, so that the layer keeps its 2^b − 1 values.
 */
import { check } from 'oabn-base';
import { mapKernels, quantizedBlocks } from '../../model/index.js';
import { activationBitsOf, groupsOf, mapGroups, maxBits, minBits, weightBitsOf } from '../scheme.js';
import { activationQuantizer, quantizeValues, weightQuantizer } from '../uniform.js';
import { checkUniform } from './checkUniform.js';
import { type ActivationHistogram, histogramError } from './histogram.js';
import type { PtqMethod } from './method.js';
import { observeHistograms, rangesUpTo } from './observe.js';

/** Which prior ACIQ has of activations, and whether channels get bits of their own. */
export interface AciqOptions {
  /** The distribution that activations are taken to have; default `best`, whichever clips with less error. */
  readonly prior?: 'laplace' | 'normal' | 'best';
  /**
   * Gives each output channel bits of its own, b on average (section 4); default false. Needs weights
   * `perChannel`.
   */
  readonly bitAllocation?: boolean;
}

type Prior = 'laplace' | 'normal';

/**
 * ACIQ: clipping at the threshold with the least expected error under a prior (arXiv 1810.05723).
 * @throws UserError for a scheme that it has no variant for
 */
export function aciqMethod({ prior = 'best', bitAllocation = false }: AciqOptions = {}): PtqMethod {
  return {
    title: bitAllocation ? 'ACIQ with bit allocation' : 'ACIQ',
    source: 'arXiv 1810.05723',
    granularities: bitAllocation ? ['perChannel'] : ['perTensor', 'perChannel'],
    quantize: async (problem) => {
      const { arch, merged, scheme } = problem;
      checkUniform('aciq', scheme);
      check(
        !bitAllocation || scheme.granularity === 'perChannel',
        'Bit allocation gives each channel its own bits; it needs granularity perChannel',
      );
      const histograms = await observeHistograms(problem, merged);
      const maxima = quantizedBlocks(arch).map(({ name }, i) => {
        const bits = activationBitsOf(scheme, name);
        return bits === undefined ? histograms[i]!.max : aciqThreshold(histograms[i]!, bits, prior);
      });
      const stateDict = mapKernels(arch, merged, (block, kernel) => {
        const bits = weightBitsOf(scheme, block);
        const allocated = bitAllocation ? allocateBits(groupsOf(kernel, 'perChannel'), bits) : undefined;
        return mapGroups(kernel, scheme.granularity, (weights, group) => {
          const quantizer = weightQuantizer(weights, allocated?.[group] ?? bits);
          return correctMoments(weights, quantizeValues(quantizer, weights));
        });
      });
      return { arch, scheme, stateDict, activations: rangesUpTo(problem, maxima) };
    },
  };
}

export const aciq: PtqMethod = aciqMethod();

/** The end of the range [0, t] of an activation behind a ReLU; never beyond its largest value. */
export function aciqThreshold(
  histogram: ActivationHistogram,
  bits: number,
  prior: Prior | 'best' = 'best',
): number {
  const { max, positive, sum, squares } = histogram;
  if (positive === 0) return 0;
  const thresholds: Record<Prior, number> = {
    laplace: laplaceClip(bits + 1) * (sum / positive),
    normal: normalClip(bits + 1) * Math.sqrt(squares / positive),
  };
  const limited = (name: Prior): number => Math.min(max, thresholds[name]);
  if (prior !== 'best') return limited(prior);
  const errorOf = (name: Prior): number =>
    histogramError(histogram, activationQuantizer({ min: 0, max: limited(name) }, bits));
  return errorOf('laplace') <= errorOf('normal') ? limited('laplace') : limited('normal');
}

/** α/b of a Laplace variable in `bits` bits: the u with u·e^u = 3·4^bits, by Newton's method. */
export function laplaceClip(bits: number): number {
  const target = Math.log(3) + bits * Math.log(4);
  let u = target - Math.log(target);
  for (let i = 0; i < 30; i++) u -= (u + Math.log(u) - target) / (1 + 1 / u);
  return u;
}

/**
 * α/σ of a normal variable in `bits` bits, where the two errors change alike: 2·E(x − α)₊ = α/(3·4^bits), by
 * bisection.
 */
export function normalClip(bits: number): number {
  let [low, high] = [0, 12];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (2 * meanExcess(middle) > middle / (3 * 4 ** bits)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** E(x − α)₊ of a standard normal x, by Simpson's rule over the next ten standard deviations. */
function meanExcess(alpha: number): number {
  const [steps, width] = [1000, 10 / 1000];
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const distance = i * width;
    const density = Math.exp(-((alpha + distance) ** 2) / 2) / Math.sqrt(2 * Math.PI);
    sum += distance * density * (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2);
  }
  return (sum * width) / 3;
}

/** `quantized` [n] with the mean and the norm about it of `weights` [n]. */
export function correctMoments(weights: Float32Array, quantized: Float32Array): Float32Array {
  const [mean, quantizedMean] = [meanOf(weights), meanOf(quantized)];
  const norm = normAbout(quantized, quantizedMean);
  const ratio = norm > 0 ? normAbout(weights, mean) / norm : 1;
  return quantized.map((q) => mean + ratio * (q - quantizedMean));
}

/**
 * Bits of each channel, `bits` on average or a little less (section 4, equation 11): the numbers of levels
 * are as α^(2/3), α a channel's range, in whole bits from 2 to 8.
 */
export function allocateBits(channels: readonly Float32Array[], bits: number): number[] {
  const shares = channels.map((w) => w.reduce((most, x) => Math.max(most, Math.abs(x)), 0) ** (2 / 3));
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const withTarget = (target: number): number[] =>
    shares.map((share) => {
      const wanted = mean > 0 && share > 0 ? target + Math.log2(share / mean) : minBits;
      return Math.min(maxBits, Math.max(minBits, Math.round(wanted)));
    });
  // Rounding and the ends move the average; the largest target that keeps it is found by bisection.
  let [low, high] = [minBits - 8, maxBits + 8];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    const used = withTarget(middle).reduce((sum, each) => sum + each, 0);
    if (used <= bits * shares.length) low = middle;
    else high = middle;
  }
  return withTarget(low);
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function normAbout(values: Float32Array, mean: number): number {
  let sum = 0;
  for (const value of values) sum += (value - mean) ** 2;
  return Math.sqrt(sum);
}
