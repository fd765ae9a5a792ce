/**
 * What uniform quantization leaves of a network's accuracy, from its weights alone. A layer's level spacing
 * in units of its own standard deviation is
 *
 *     spacing(b) = (max|w| / σ_w) / (2^(b−1) − 1)
 *
 * and the share of the accuracy above chance that is kept follows the mean of it over the quantized layers,
 * over all thresholds s and bits that were run: a logistic curve in the logarithm of the spacing,
 *
 *     kept = 1 / (1 + (spacing / midpoint)^steepness).
 *
 * Networks differ in where their curve lies; `spread` says by how much. The numbers are data: `fitLaw` of
 * oabn-paper (notebook 19) fits them again, and a test there holds them to the runs that ship.
 */
import { symmetricLevels } from '../quantize/index.js';

/** A logistic curve in the logarithm of the spacing, and how networks scatter about it. */
export interface Law {
  /** The mean spacing, in σ, at which half of the accuracy above chance is left. */
  readonly midpoint: number;
  /** The exponent of the curve; > 0. */
  readonly steepness: number;
  /** Standard deviation over networks of ln(midpoint). */
  readonly spread: number;
  /** The kind of networks that it was fitted on. */
  readonly source: string;
}

/** The law for RepVGG and VGG with one scale per layer. */
export const law: Law = {
  midpoint: 1.46,
  steepness: 3.58,
  spread: 0.18,
  source:
    'RepVGG with BN and OABN (s from 0.1 to ∞), 8 to 3 bits, one scale per layer for weights and activations, CIFAR-10 ' +
    'networks of profiles quick and desk',
};

const severalFamilies =
  'RepVGG (BN, OABN; with squeeze-and-excitation; with groups), VGG, QARepVGG, MobileOne and FastViT, ten small networks on ' +
  'CIFAR-10; 8 to 3 bits for weights and activations';

/**
 * The laws for networks of other families, and for remedies other than one scale per layer: at the same mean
 * spacing, errors of another kind, such as the few large ones that clipping makes, cost more or less, and so
 * do activations of other shapes. Fitted on the networks in data/results/doctor-prediction.json
 * (`lib/paper/scripts/prediction`); a test of oabn-paper holds these numbers to them. The spread says how
 * much a prediction is worth: after clipping, little.
 */
export const laws: Readonly<Record<'perTensor' | 'perChannel' | 'clipped' | 'split' | 'cluster', Law>> = {
  perTensor: { midpoint: 1.14, steepness: 2.4, spread: 0.56, source: severalFamilies },
  perChannel: { midpoint: 0.95, steepness: 2.8, spread: 0.37, source: severalFamilies },
  clipped: { midpoint: 0.72, steepness: 1.5, spread: 0.74, source: severalFamilies },
  split: { midpoint: 1.01, steepness: 1.8, spread: 0.79, source: severalFamilies },
  cluster: { midpoint: 1.07, steepness: 2.3, spread: 0.33, source: severalFamilies },
};

/** The share of a layer's weights that are taken for outliers: those of class A are 1/(9C) of them, 0.7% at C = 16. */
const outlierShare = 0.01;

/** σ over σ of the bulk: in 231 layers of RepVGGs that the law holds for, the middle and the largest. */
const [usualInflation, largestInflation] = [1.14, 2.03];

/**
 * The σ_w in which the law counts: `std`, the standard deviation of the weights, unless the outliers make it. One
 * weight can: max|w|/σ_w cannot exceed √n, however large it is. Where σ_w is more than twice the σ of the bulk, all
 * but the largest 1% of the weights, which the networks of the fit do not have, it is replaced by what it is there
 * beside such a bulk.
 */
export function lawDeviation(weights: Float32Array, std: number): number {
  const magnitudes = weights.map(Math.abs).sort();
  const bulk = magnitudes.subarray(0, Math.ceil((1 - outlierShare) * magnitudes.length));
  const squares = bulk.reduce((sum, w) => sum + w ** 2, 0);
  const ofBulk = Math.sqrt(squares / bulk.length);
  return ofBulk > 0 && std > largestInflation * ofBulk ? usualInflation * ofBulk : std;
}

/** Spacing of levels in σ, at `bits` and a peak-to-σ ratio max|w|/σ. */
export function levelSpacing(peakToSigma: number, bits: number): number {
  return peakToSigma / symmetricLevels(bits);
}

/** The share of the accuracy above chance that the curve with this midpoint keeps, in [0, 1]. */
export function keptAt(
  spacing: number,
  { midpoint, steepness }: Pick<Law, 'midpoint' | 'steepness'>,
): number {
  return 1 / (1 + (spacing / midpoint) ** steepness);
}

/**
 * How many standard deviations `keptAccuracy` allows for on either side, so that 95% of networks are within.
 */
const allowance = 2;

/**
 * What a mean spacing is expected to leave of the accuracy above chance, and the least and the most that
 * networks like those of the fit keep (95% of them), each in [0, 1].
 */
export function keptAccuracy(
  spacing: number,
  of: Law = law,
): { readonly expected: number; readonly least: number; readonly most: number } {
  const shifted = (sds: number): number =>
    keptAt(spacing, { ...of, midpoint: of.midpoint * Math.exp(sds * of.spread) });
  return { expected: shifted(0), least: shifted(-allowance), most: shifted(allowance) };
}

/** The mean spacing at which `kept` (in (0, 1)) of the accuracy above chance is expected. */
export function spacingThatKeeps(kept: number, { midpoint, steepness }: Law = law): number {
  return midpoint * (1 / kept - 1) ** (1 / steepness);
}
