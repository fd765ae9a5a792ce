/**
 * The reach of an activation's quantizer at first: how far it should go when clipping a few large values
 * costs less than coarse levels for all others. It is searched over shares 1, 0.99, … 0.21 of the largest
 * value, as BRECQ's authors do, for the least Σ|x − x̂|ᵖ (Lp norms: LAPQ, arXiv 1911.07190).
 */
import { activationQuantizer, quantizeValue } from '../../uniform.js';
import { type ActivationHistogram, addToHistogram, binWidth, emptyHistogram } from '../histogram.js';

const shares = Array.from({ length: 80 }, (_, i) => 1 - i / 100);

/** The histogram of activations after ReLU. */
export function histogramOf(values: Float32Array): ActivationHistogram {
  const histogram = emptyHistogram(values.reduce((most, x) => Math.max(most, x), 0));
  addToHistogram(histogram, values);
  return histogram;
}

/**
 * The largest value that b-bit levels from 0 should reach, for the least Σ|x − x̂|ᵖ; 0 if all values are 0.
 */
export function activationReach(histogram: ActivationHistogram, bits: number, p: number): number {
  const { max, counts } = histogram;
  if (max === 0) return 0;
  let [best, least] = [max, Infinity];
  for (const share of shares) {
    const quantizer = activationQuantizer({ min: 0, max: max * share }, bits);
    let error = 0;
    counts.forEach((count, bin) => {
      const x = (bin + 0.5) * binWidth(histogram);
      if (count > 0) error += count * Math.abs(x - quantizeValue(quantizer, x)) ** p;
    });
    if (error < least) [best, least] = [max * share, error];
  }
  return best;
}
