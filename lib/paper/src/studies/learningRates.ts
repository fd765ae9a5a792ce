/**
 * The search for the learning rates of fine-tuning: for each method, it tries the profile's few rates on two
 * networks, plain BN and the best s of the low-bit tables, at the bits where methods differ. The search has
 * its own seeds and is scored on images that no other result of the profile uses, so that what is reported later was not
 * chosen by its own noise. Its ClusterQAT runs also test C9 at each rate.
 */
import { type DataConfig, finetuneConfig, pretrainConfig } from 'oabn/experiment';
import type { WeightMethod } from 'oabn/quantize';
import type { RatedPoint } from '../claims/index.js';
import type { PaperLab } from '../profiles/index.js';
import { measured } from './measured.js';
import type { Study } from './study.js';

/** A rate, tried with one method at some bits on one network. */
export interface RateCell {
  /** Uniform QAT or ClusterQAT. */
  readonly weights: WeightMethod;
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** b of weights and activations. */
  readonly bits: number;
  /** The highest rate of fine-tuning. */
  readonly learningRate: number;
}

/** The accuracy in [0, 1] that a rate gives. */
export type RatePoint = RateCell & RatedPoint;

/** The seed of networks and fine-tuning in a search that names none; profiles report others. */
export const searchSeed = 100;

/** The search for the learning rates of fine-tuning. */
export const learningRateStudy: Study<RateCell, RatePoint> = {
  name: 'learning rates',
  cells({ search: { rates, thresholds, bits, seeds = [searchSeed] } }) {
    return (['uniform', 'cluster'] as const).flatMap((weights) =>
      bits.flatMap((b) =>
        seeds.flatMap((seed) =>
          thresholds.flatMap((threshold) =>
            rates.map((learningRate) => ({ weights, threshold, seed, bits: b, learningRate })),
          ),
        ),
      ),
    );
  },
  config({ weights, threshold, seed, bits, learningRate }, lab) {
    const searched = { ...lab, data: searchData(lab) };
    const source = pretrainConfig(searched, { threshold, seed });
    const { schedule } = lab.defaults.finetuning[weights];
    const training = { schedule: { ...schedule, learningRate } };
    return finetuneConfig(searched, { source, bits, weights, training });
  },
  row: (cell, result, network) => ({ ...cell, ...measured(result, network) }),
};

/**
 * The images that the search is scored on: the last training images, or test images that results leave to it.
 */
export function searchData({ profile, data, train, test }: PaperLab): DataConfig {
  const { heldOut } = profile.search;
  if (typeof heldOut === 'number') {
    return { ...data, testImages: null, heldOut: Math.min(heldOut, Math.floor(train.size / 5)) };
  }
  // A smaller test set, such as the made one, has no images to spare: its last ones then serve both.
  const testImages = Math.min(heldOut.images, test.size);
  return { ...data, testImages, firstTestImage: Math.min(heldOut.first, test.size - testImages) };
}

/** The rate with the best mean accuracy over the networks and bits of the search. */
export function bestRate(
  points: readonly Pick<RatePoint, 'weights' | 'learningRate' | 'accuracy'>[],
  weights: WeightMethod,
): number {
  const mean = (rate: number): number => {
    const at = points.filter((point) => point.weights === weights && point.learningRate === rate);
    return at.reduce((sum, point) => sum + point.accuracy, 0) / at.length;
  };
  const rates = [...new Set(points.map((point) => point.learningRate))];
  return rates.reduce((best, rate) => (mean(rate) > mean(best) ? rate : best));
}
