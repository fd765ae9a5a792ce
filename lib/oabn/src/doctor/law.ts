/**
 * What uniform quantization leaves of a network's accuracy, from its weights alone. A layer's level spacing in units of its
 * own standard deviation is
 *
 *     spacing(b) = (max|w| / σ_w) / (2^(b−1) − 1)
 *
 * and the share of the accuracy that is kept follows the mean of it over the quantized layers, over all thresholds s and
 * bits that were run. The numbers below are data, so that they can be fitted again; `source` says on what.
 */
import { symmetricLevels } from '../quantize/index.js';

/** At a mean spacing, the least and the most that was kept of the accuracy above chance. */
export interface LawPoint {
  readonly spacing: number;
  readonly least: number;
  readonly most: number;
}

/** How much accuracy is kept at a spacing of the levels, as measured. */
export interface Law {
  /** By spacing, ascending; straight lines between, flat beyond. */
  readonly points: readonly LawPoint[];
  readonly source: string;
}

/**
 * The law that predictions use: the spacing of the levels, in σ of the weights, against the share of accuracy
 * kept above chance.
 */
export const law: Law = {
  points: [
    { spacing: 0, least: 1, most: 1 },
    { spacing: 0.9, least: 0.95, most: 1 },
    { spacing: 1.2, least: 0.29, most: 0.94 },
    { spacing: 1.5, least: 0.29, most: 0.94 },
    { spacing: 1.9, least: 0, most: 0 },
  ],
  source:
    'RepVGG with BN and OABN (all s), 8 to 3 bits, one scale a layer, CIFAR-10 networks of profile quick; ' +
    'between the spacings that were seen, straight lines',
};

/** Spacing of levels in σ, at `bits` and a peak-to-σ ratio max|w|/σ. */
export function levelSpacing(peakToSigma: number, bits: number): number {
  return peakToSigma / symmetricLevels(bits);
}

/** The least and the most that a mean spacing leaves of the accuracy above chance, each in [0, 1]. */
export function keptAccuracy(spacing: number, { points }: Law = law): { least: number; most: number } {
  const above = points.findIndex((point) => point.spacing >= spacing);
  if (above < 0) return points.at(-1)!;
  const [from, to] = [points[Math.max(0, above - 1)]!, points[above]!];
  const t = to.spacing > from.spacing ? (spacing - from.spacing) / (to.spacing - from.spacing) : 0;
  return {
    least: from.least + t * (to.least - from.least),
    most: from.most + t * (to.most - from.most),
  };
}
