/**
 * Percentile calibration (Wu et al., arXiv 2004.09602, on calibration): an activation's range ends where
 * 99.99% of its values lie below, and the few above are clipped. Weights keep their min–max range, as in the
 * paper, unless a percentile of |w| is asked for.
 */
import { check } from 'oabn-base';
import { checkScheme, mapGroups } from '../scheme.js';
import { mapKernels } from '../../model/index.js';
import { quantizeNetwork } from '../quantizedNetwork.js';
import { quantile } from './histogram.js';
import type { PtqMethod } from './method.js';
import { observeHistograms, rangesUpTo } from './observe.js';

/** The percentiles. */
export interface PercentileOptions {
  /** The percentile of the activations, in (0, 100]; default 99.99. */
  readonly percentile?: number;
  /**
   * The percentile of |w| among weights that share a quantizer, in (0, 100]; default 100, which is min–max.
   */
  readonly weightPercentile?: number;
}

/**
 * Ranges that leave out the outermost values: a percentile of the activations, and one of |w|.
 * @throws UserError for a percentile outside (0, 100]
 */
export function percentileMethod({
  percentile: ofActivations = 99.99,
  weightPercentile = 100,
}: PercentileOptions = {}): PtqMethod {
  for (const value of [ofActivations, weightPercentile]) {
    check(value > 0 && value <= 100, `A percentile must be in (0, 100], got ${value}`);
  }
  return {
    title: `percentile ${ofActivations}%`,
    source: 'arXiv 2004.09602',
    granularities: ['perTensor', 'perChannel'],
    quantize: async (problem) => {
      const { arch, merged, scheme } = problem;
      checkScheme(scheme);
      const histograms = await observeHistograms(problem, merged);
      const ranges = rangesUpTo(
        problem,
        histograms.map((histogram) => quantile(histogram, ofActivations / 100)),
      );
      const clipped = mapKernels(arch, merged, (_, kernel) =>
        mapGroups(kernel, scheme.granularity, (weights) => clipToPercentile(weights, weightPercentile)),
      );
      return quantizeNetwork({ arch, merged: clipped, ranges, scheme });
    },
  };
}

/** `weights` [n] limited to ±t, t the nearest-rank percentile of |w|. */
export function clipToPercentile(weights: Float32Array, percent: number): Float32Array {
  if (percent === 100) return weights;
  const magnitudes = weights.map(Math.abs).sort();
  const limit = magnitudes[Math.max(0, Math.ceil((percent / 100) * weights.length) - 1)]!;
  return weights.map((w) => Math.min(limit, Math.max(-limit, w)));
}

export const percentile: PtqMethod = percentileMethod();
