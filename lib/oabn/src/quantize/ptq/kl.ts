/**
 * KL (entropy) calibration, as TensorRT does it (Migacz, «8-bit Inference with TensorRT», GTC 2017): of all
 * thresholds on a 2048-bin histogram, the one whose quantized distribution preserves most of the original's
 * information. For a threshold after bin i, P is the first i bins with all that lies beyond added to the
 * last, and Q is those i bins without it, put into the quantizer's levels and spread again evenly over the
 * bins that were not empty; the threshold with the least D(P‖Q) wins, and is placed half a bin further.
 * Weights keep their min–max range, as in TensorRT.
 *
 * TensorRT's activations are signed, with 2^(b−1) levels on this side of 0; behind a ReLU ours have all 2^b.
 * Zeros are left out of the histogram, because both distributions hold them alike.
 */
import { quantizedBlocks } from '../../model/index.js';
import type { ActivationRanges } from '../calibrate.js';
import { quantizeNetwork } from '../quantizedNetwork.js';
import { activationBitsOf, checkScheme } from '../scheme.js';
import { type ActivationHistogram, binWidth, histogramBins } from './histogram.js';
import type { PtqMethod, PtqProblem } from './method.js';
import { observeHistograms, rangesUpTo } from './observe.js';

export const kl: PtqMethod = {
  title: 'KL (entropy)',
  source: 'Migacz, 8-bit Inference with TensorRT, GTC 2017',
  granularities: ['perTensor', 'perChannel'],
  quantize: async (problem) => {
    const { arch, merged, scheme } = problem;
    checkScheme(scheme);
    return quantizeNetwork({ arch, merged, ranges: await klRanges(problem, klDivergence), scheme });
  },
};

/** P and Q of one threshold, as counts, compared over the bins that neither leaves empty. */
export interface Comparison {
  readonly sumP: number;
  readonly sumQ: number;
  /**
   * The part of P that lies in those bins: less than `sumP` where mass from beyond fell into an empty bin.
   */
  readonly overlap: number;
  /** Σ p·ln(p/q) over those bins. */
  readonly difference: number;
}

/** How far Q is from P; the least wins. */
export type Divergence = (comparison: Comparison) => number;

/** D(P‖Q) of the normalized counts: Infinity where Q is 0 and P is not. */
export function klDivergence({ sumP, sumQ, overlap, difference }: Comparison): number {
  if (sumQ === 0 || overlap < sumP) return Infinity;
  return difference / sumP - Math.log(sumP / sumQ);
}

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
  const sums = prefixSums(histogram.counts);
  let [best, least] = [histogramBins, Infinity];
  for (let i = levels; i <= histogramBins; i++) {
    const distance = divergence(compareAt(histogram, sums, i, levels));
    if (distance < least) [best, least] = [i, distance];
  }
  return Math.min(histogram.max, (best + 0.5) * binWidth(histogram));
}

/** [2049] sums over the first bins, so that a level costs the same however many bins it spans. */
interface PrefixSums {
  readonly counts: Float64Array;
  /** The number of bins that are not empty. */
  readonly filled: Float64Array;
  /** Of n·ln(n), n a bin's count. */
  readonly entropies: Float64Array;
}

function prefixSums(counts: Float64Array): PrefixSums {
  const of = (value: (n: number) => number): Float64Array => {
    const sums = new Float64Array(counts.length + 1);
    counts.forEach((n, bin) => (sums[bin + 1] = sums[bin]! + value(n)));
    return sums;
  };
  return { counts: of((n) => n), filled: of((n) => Math.min(n, 1)), entropies: of(entropy) };
}

const entropy = (n: number): number => (n > 0 ? n * Math.log(n) : 0);

/**
 * P and Q for the threshold after `i` bins, in `levels` levels: level l is bins ⌊l·i/levels⌋ to
 * ⌊(l+1)·i/levels⌋.
 */
function compareAt(
  { counts, positive }: ActivationHistogram,
  sums: PrefixSums,
  i: number,
  levels: number,
): Comparison {
  const inside = sums.counts[i]!;
  const [last, outside] = [counts[i - 1]!, positive - inside];
  let [pLnQ, density, from] = [0, 0, 0];
  for (let level = 1; level <= levels; level++) {
    const to = Math.floor((level * i) / levels);
    const mass = sums.counts[to]! - sums.counts[from]!;
    if (mass > 0) {
      density = mass / (sums.filled[to]! - sums.filled[from]!);
      pLnQ += mass * Math.log(density);
    }
    from = to;
  }
  if (last === 0) {
    const difference = sums.entropies[i]! - pLnQ;
    return { sumP: positive, sumQ: inside, overlap: inside, difference };
  }
  // The last bin is in the last level, whose density was found last.
  pLnQ += outside * Math.log(density);
  const pLnP = sums.entropies[i]! - entropy(last) + entropy(last + outside);
  return { sumP: positive, sumQ: inside, overlap: positive, difference: pLnP - pLnQ };
}
