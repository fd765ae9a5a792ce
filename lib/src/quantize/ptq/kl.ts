/**
 * KL (entropy) calibration, as TensorRT does it (Migacz, «8-bit Inference with TensorRT», GTC 2017): of all
 * thresholds on a 2048-bin histogram, the one whose quantized distribution tells most of the original one. For a
 * threshold after bin i, P is the first i bins with all that lies beyond added to the last, and Q is those i bins
 * without it, put into the quantizer's levels and spread again evenly over the bins that were not empty; the
 * threshold with the least D(P‖Q) wins, and lies half a bin further. Weights keep their min–max range, as there.
 *
 * TensorRT's activations are signed, with 2^(b−1) levels on this side of 0; behind a ReLU ours have all 2^b. Zeros
 * are outside of the histogram, for both distributions hold them alike.
 */
import { quantizedBlocks } from '../../model/index.js';
import { quantizeNetwork } from '../quantizedNetwork.js';
import { activationBitsOf, checkScheme } from '../scheme.js';
import { type ActivationHistogram, binWidth, histogramBins } from './histogram.js';
import type { PtqMethod, PtqProblem } from './method.js';
import { observeHistograms, rangesUpTo } from './observe.js';
import type { ActivationRanges } from '../calibrate.js';

export const kl: PtqMethod = {
  title: 'KL (entropy)',
  source: 'Migacz, 8-bit Inference with TensorRT, GTC 2017',
  granularities: ['perTensor', 'perChannel'],
  quantize: async (problem) => {
    const { arch, merged, scheme } = problem;
    checkScheme(scheme);
    return quantizeNetwork(arch, merged, await klRanges(problem, klDivergence), scheme);
  },
};

/** How far the counts `q` are from the counts `p` [n]; Infinity where it cannot be told. */
export type Divergence = (p: Float64Array, q: Float64Array) => number;

/** The ranges of the activations by `divergence`. */
export async function klRanges(problem: PtqProblem, divergence: Divergence): Promise<ActivationRanges> {
  const { arch, merged, scheme } = problem;
  const histograms = await observeHistograms(problem, merged);
  const maxima = quantizedBlocks(arch).map(({ name }, i) => {
    const bits = activationBitsOf(scheme, name);
    return bits === undefined ? histograms[i]!.max : klThreshold(histograms[i]!, 2 ** bits, divergence);
  });
  return rangesUpTo(problem, maxima);
}

/** The threshold in (0, max] at which quantization to `levels` levels has the least divergence. */
export function klThreshold(
  histogram: ActivationHistogram,
  levels: number,
  divergence: Divergence = klDivergence,
): number {
  const { counts, max, positive } = histogram;
  let [best, least] = [histogramBins, Infinity];
  let inside = 0;
  for (let bin = 0; bin < levels - 1; bin++) inside += counts[bin]!;
  for (let i = levels; i <= histogramBins; i++) {
    inside += counts[i - 1]!;
    const p = counts.slice(0, i);
    const q = coarsened(p, levels);
    p[i - 1]! += positive - inside;
    const distance = divergence(p, q);
    if (distance < least) [best, least] = [i, distance];
  }
  return Math.min(max, (best + 0.5) * binWidth(histogram));
}

/** `counts` [n] put into `levels` levels and spread again: each level's counts evenly over its bins that have any. */
export function coarsened(counts: Float64Array, levels: number): Float64Array {
  const n = counts.length;
  const spread = new Float64Array(n);
  for (let level = 0; level < levels; level++) {
    const [from, to] = [Math.floor((level * n) / levels), Math.floor(((level + 1) * n) / levels)];
    let [sum, filled] = [0, 0];
    for (let bin = from; bin < to; bin++) {
      sum += counts[bin]!;
      if (counts[bin]! > 0) filled++;
    }
    for (let bin = from; bin < to; bin++) if (counts[bin]! > 0) spread[bin] = sum / filled;
  }
  return spread;
}

/** D(P‖Q) of the normalized counts: Infinity where Q is 0 and P is not. */
export function klDivergence(p: Float64Array, q: Float64Array): number {
  const [sumP, sumQ] = [total(p), total(q)];
  if (sumP === 0 || sumQ === 0) return Infinity;
  let divergence = 0;
  for (let i = 0; i < p.length; i++) {
    if (p[i] === 0) continue;
    if (q[i] === 0) return Infinity;
    divergence += p[i]! * Math.log(p[i]! / q[i]!);
  }
  return divergence / sumP - Math.log(sumP / sumQ);
}

export function total(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}
