/**
 * The search for the learning rates of fine-tuning: for each method, the profile's few rates on two networks, plain BN and
 * the best s of the low-bit tables, at the bits where methods differ. The search has a seed of its own and is scored on
 * test images that no other result uses, so that what is reported later was not chosen by its own noise.
 */
import type { PaperLab } from '../profiles/index.js';
import { type FinetuneConfig, finetuneConfig, pretrainConfig, run, type RunConfig } from 'oabn/experiment';
import type { WeightMethod } from 'oabn/quantize';

export interface RatePoint {
  readonly weights: WeightMethod;
  readonly threshold: number;
  readonly bits: number;
  readonly learningRate: number;
  readonly accuracy: number;
  readonly images: number;
}

/** The seed of networks and fine-tuning in the search; profiles report others. */
export const searchSeed = 100;

type RateCell = Pick<RatePoint, 'weights' | 'threshold' | 'bits' | 'learningRate'>;

/** Accuracies over learning rates, by running what the store does not have. */
export async function learningRateSearch(lab: PaperLab): Promise<RatePoint[]> {
  const points: RatePoint[] = [];
  for (const cell of rateCells(lab)) {
    const { accuracy, images } = (await run(rateConfig(lab, cell), lab)).result;
    points.push({ ...cell, accuracy, images });
  }
  return points;
}

/** The runs behind `learningRateSearch`, networks first. */
export function learningRateConfigs(lab: PaperLab): RunConfig[] {
  const configs = rateCells(lab).map((cell) => rateConfig(lab, cell));
  return [...configs.map(({ source }) => source as RunConfig), ...configs];
}

/** The rate with the best mean accuracy over the networks and bits of the search. */
export function bestRate(points: readonly RatePoint[], weights: WeightMethod): number {
  const mean = (rate: number): number => {
    const at = points.filter((point) => point.weights === weights && point.learningRate === rate);
    return at.reduce((sum, point) => sum + point.accuracy, 0) / at.length;
  };
  const rates = [...new Set(points.map((point) => point.learningRate))];
  return rates.reduce((best, rate) => (mean(rate) > mean(best) ? rate : best));
}

function rateCells({ profile }: PaperLab): RateCell[] {
  const { rates, thresholds, bits } = profile.search;
  return (['uniform', 'kmeans'] as const).flatMap((weights) =>
    bits.flatMap((b) =>
      thresholds.flatMap((threshold) =>
        rates.map((learningRate) => ({ weights, threshold, bits: b, learningRate })),
      ),
    ),
  );
}

function rateConfig(lab: PaperLab, { weights, threshold, bits, learningRate }: RateCell): FinetuneConfig {
  const { heldOut } = lab.profile.search;
  // A smaller test set, as the made one, has no images to spare: then its last ones serve both.
  const testImages = Math.min(heldOut.images, lab.test.size);
  const firstTestImage = Math.min(heldOut.first, lab.test.size - testImages);
  const data = { ...lab.data, testImages, firstTestImage };
  const searched = { ...lab, data };
  const source = pretrainConfig(searched, { threshold, seed: searchSeed });
  const { schedule } = lab.profile.finetuning[weights];
  return finetuneConfig(searched, source, bits, weights, {
    training: { schedule: { ...schedule, learningRate } },
  });
}
