/**
 * OMSE (Choukroun et al., arXiv 1902.06822, the MMSE problem): the scale that minimizes Σ(x − Q(x))², found
 * by search over clipping thresholds from 1% to 100% of the largest |x|. So an outlier is clipped when that
 * costs less than the coarser steps that it asks for. Weights by layer or by channel, exactly; activations
 * over their histogram.
 */
import { mapKernels, quantizedBlocks } from '../../model/index.js';
import { upperBound, type SortedSample, sortedSample } from '../kmeans/segments.js';
import { activationBitsOf, mapGroups, weightBitsOf } from '../scheme.js';
import type { QuantizedNetwork } from '../quantizedNetwork.js';
import { activationQuantizer, quantizeValues, type UniformQuantizer, weightQuantizer } from '../uniform.js';
import { checkUniform } from './checkUniform.js';
import { type ActivationHistogram, histogramError } from './histogram.js';
import type { PtqMethod, PtqProblem } from './method.js';
import { observeHistograms, rangesUpTo } from './observe.js';

export const mse: PtqMethod = {
  title: 'MSE (OMSE)',
  source: 'arXiv 1902.06822',
  granularities: ['perTensor', 'perChannel'],
  quantize: async (problem: PtqProblem): Promise<QuantizedNetwork> => {
    const { arch, merged, scheme } = problem;
    checkUniform('mse', scheme);
    const histograms = await observeHistograms(problem, merged);
    const maxima = quantizedBlocks(arch).map(({ name }, i) => {
      const bits = activationBitsOf(scheme, name);
      return bits === undefined ? histograms[i]!.max : mseThreshold(histograms[i]!, bits);
    });
    const stateDict = mapKernels(arch, merged, (block, kernel) =>
      mapGroups(kernel, scheme.granularity, (weights) =>
        quantizeValues(mseWeightQuantizer(weights, weightBitsOf(scheme, block)), weights),
      ),
    );
    return { arch, scheme, stateDict, activations: rangesUpTo(problem, maxima) };
  },
};

/** The symmetric quantizer of weights [n] with the least Σ(w − Q(w))²; never worse than min–max. */
export function mseWeightQuantizer(weights: Float32Array, bits: number): UniformQuantizer {
  const widest = weightQuantizer(weights, bits);
  const sample = sortedSample(weights);
  const clipped = (fraction: number): UniformQuantizer => ({ ...widest, scale: widest.scale * fraction });
  return clipped(bestFraction((fraction) => symmetricError(sample, clipped(fraction))));
}

/** The end of the range [0, t] of an activation with the least error of its b-bit quantizer. */
export function mseThreshold(histogram: ActivationHistogram, bits: number): number {
  const { max } = histogram;
  if (max === 0) return 0;
  const errorAt = (fraction: number): number =>
    histogramError(histogram, activationQuantizer({ min: 0, max: max * fraction }, bits));
  return max * bestFraction(errorAt);
}

/**
 * The fraction in (0, 1] with the least error: hundredths, then thousandths about the best. The error is not
 * convex, because each change of scale brings other values onto the grid, so every candidate is tried.
 */
function bestFraction(errorAt: (fraction: number) => number): number {
  let [best, least] = [1, errorAt(1)];
  const consider = (fraction: number): void => {
    const error = errorAt(fraction);
    if (error < least) [best, least] = [fraction, error];
  };
  for (let i = 99; i >= 1; i--) consider(i / 100);
  const coarse = best;
  for (let i = -9; i <= 9; i++) {
    const fraction = coarse + i / 1000;
    if (i !== 0 && fraction > 0 && fraction < 1) consider(fraction);
  }
  return best;
}

/** Σ(w − Q(w))² of a symmetric quantizer: a level's members are an interval of the sorted weights. */
function symmetricError(sample: SortedSample, { scale, quantMin, quantMax }: UniformQuantizer): number {
  const { sorted, offset, sums, squares } = sample;
  let [error, from] = [0, 0];
  for (let q = quantMin; q <= quantMax && from < sorted.length; q++) {
    const to = q === quantMax ? sorted.length : upperBound(sorted, (q + 0.5) * scale, from);
    const level = q * scale - offset;
    error += squares[to]! - squares[from]! - 2 * level * (sums[to]! - sums[from]!) + (to - from) * level ** 2;
    from = to;
  }
  return error;
}
