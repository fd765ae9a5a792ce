/**
 * The histogram of an activation behind a ReLU, from which percentile, MSE, KL and ACIQ each take a clipping
 * threshold. Zeros are counted separately: they are at least half of all values, and every quantizer here
 * holds 0 exactly.
 */
import { quantizeValue, type UniformQuantizer } from '../uniform.js';

/** As many bins as TensorRT's calibration has (Migacz, GTC 2017). */
export const histogramBins = 2048;

/** The distribution of the activation that enters a block, over the calibration images. */
export interface ActivationHistogram {
  /** The largest value; the bins divide (0, max] evenly. */
  readonly max: number;
  /** [2048] the number of positive values in each bin. */
  readonly counts: Float64Array;
  /**
   * Over all values: their number, how many are positive, and the sums of the positive ones and of their
   * squares.
   */
  total: number;
  positive: number;
  sum: number;
  squares: number;
}

export function emptyHistogram(max: number): ActivationHistogram {
  return { max, counts: new Float64Array(histogramBins), total: 0, positive: 0, sum: 0, squares: 0 };
}

/**
 * Counts `values` [n], each from 0 to the histogram's max, in place: a histogram is made over many batches.
 */
export function addToHistogram(histogram: ActivationHistogram, values: Float32Array): void {
  const { max, counts } = histogram;
  const perValue = max > 0 ? histogramBins / max : 0;
  let [positive, sum, squares] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value > 0) {
      const bin = (value * perValue) | 0;
      counts[bin < histogramBins ? bin : histogramBins - 1]!++;
      positive++;
      sum += value;
      squares += value * value;
    }
  }
  histogram.total += values.length;
  histogram.positive += positive;
  histogram.sum += sum;
  histogram.squares += squares;
}

/** The width of a bin. */
export const binWidth = ({ max }: ActivationHistogram): number => max / histogramBins;

/** The value below which a share `fraction` of all values lies, zeros among them, linear within a bin. */
export function quantile(histogram: ActivationHistogram, fraction: number): number {
  const { counts, total, positive } = histogram;
  let above = (1 - fraction) * total;
  if (above >= positive) return 0;
  for (let bin = histogramBins - 1; bin >= 0; bin--) {
    if (counts[bin]! >= above && counts[bin]! > 0) {
      return (bin + 1 - above / counts[bin]!) * binWidth(histogram);
    }
    above -= counts[bin]!;
  }
  return 0;
}

/** Σ (x − Q(x))² over the values, each taken to lie in the middle of its bin. */
export function histogramError(histogram: ActivationHistogram, quantizer: UniformQuantizer): number {
  const width = binWidth(histogram);
  let error = 0;
  histogram.counts.forEach((count, bin) => {
    if (count === 0) return;
    const centre = (bin + 0.5) * width;
    error += count * (centre - quantizeValue(quantizer, centre)) ** 2;
  });
  return error;
}
