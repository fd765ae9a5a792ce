/**
 * The search for the learning rates of fine-tuning: for each method, the profile's few rates on two networks, plain BN and
 * the best s of the low-bit tables, at the bits where methods differ. The search has a seed of its own and is scored on
 * test images that no other result uses, so that what is reported later was not chosen by its own noise.
 */
import { finetuneConfig, pretrainConfig } from 'oabn/experiment';
import type { WeightMethod } from 'oabn/quantize';
import type { Study } from './study.js';

/** A rate, tried with one method at some bits on one network. */
export interface RateCell {
  readonly weights: WeightMethod;
  readonly threshold: number;
  readonly bits: number;
  readonly learningRate: number;
}

/** The accuracy in [0, 1] that a rate gives. */
export interface RatePoint extends RateCell {
  readonly accuracy: number;
  readonly images: number;
}

/** The seed of networks and fine-tuning in the search; profiles report others. */
export const searchSeed = 100;

/** The search for the learning rates of fine-tuning. */
export const learningRateStudy: Study<RateCell, RatePoint> = {
  name: 'learning rates',
  cells({ search: { rates, thresholds, bits } }) {
    return (['uniform', 'cluster'] as const).flatMap((weights) =>
      bits.flatMap((b) =>
        thresholds.flatMap((threshold) =>
          rates.map((learningRate) => ({ weights, threshold, bits: b, learningRate })),
        ),
      ),
    );
  },
  config({ weights, threshold, bits, learningRate }, lab) {
    const { heldOut } = lab.profile.search;
    // A smaller test set, as the made one, has no images to spare: then its last ones serve both.
    const testImages = Math.min(heldOut.images, lab.test.size);
    const firstTestImage = Math.min(heldOut.first, lab.test.size - testImages);
    const searched = { ...lab, data: { ...lab.data, testImages, firstTestImage } };
    const source = pretrainConfig(searched, { threshold, seed: searchSeed });
    const { schedule } = lab.defaults.finetuning[weights];
    const training = { schedule: { ...schedule, learningRate } };
    return finetuneConfig(searched, { source, bits, weights, training });
  },
  row: (cell, { accuracy, images }) => ({ ...cell, accuracy, images }),
};

/** The rate with the best mean accuracy over the networks and bits of the search. */
export function bestRate(points: readonly RatePoint[], weights: WeightMethod): number {
  const mean = (rate: number): number => {
    const at = points.filter((point) => point.weights === weights && point.learningRate === rate);
    return at.reduce((sum, point) => sum + point.accuracy, 0) / at.length;
  };
  const rates = [...new Set(points.map((point) => point.learningRate))];
  return rates.reduce((best, rate) => (mean(rate) > mean(best) ? rate : best));
}
