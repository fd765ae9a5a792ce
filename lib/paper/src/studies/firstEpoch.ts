/**
 * Whether size or recipe makes the outliers of large networks: RepVGG-A0 at several widths after the first epoch of its
 * training, with the batches and the rate of profile `paper` and with `desk`'s.
 */
import { type PretrainConfig, pretrainConfig } from 'oabn/experiment';
import { repvgg } from 'oabn/model';
import { formatEstimate } from '../claims/index.js';
import type { Study } from './study.js';

/** A network with plain BN in its first epoch, in which the rate rises from 0. */
export interface FirstEpochCell {
  /** Factor of RepVGG-A0's widths. 1 is the profile's own network, whose training goes on. */
  readonly width: number;
  /** Images a batch. */
  readonly batchSize: number;
  /** The rate at the end of the epoch. */
  readonly learningRate: number;
  readonly seed: number;
}

/** The outliers of its merged weights after that epoch. */
export interface FirstEpochPoint extends FirstEpochCell {
  /** The mean max|w|/σ of the quantized layers. */
  readonly meanPeakToSigma: number;
  /** The largest |r0| of all identity branches. */
  readonly maxRatio: number;
}

/** The first epoch of `paper`, and `desk`'s batches, a quarter as large, with a quarter of that rate. */
const recipes = {
  paper: { batchSize: 512, learningRate: 0.2 },
  desk: { batchSize: 128, learningRate: 0.05 },
} as const;

/** RepVGG-A0 after an epoch, at several widths and with two recipes, at profile `paper`. */
export const firstEpochStudy: Study<FirstEpochCell, FirstEpochPoint, PretrainConfig> = {
  name: 'the first epoch',
  cells: () => [
    ...[1, 2, 3].map((seed) => ({ width: 1, ...recipes.paper, seed })),
    ...[0.375, 0.1875].flatMap((width) =>
      [1, 2].flatMap((seed) => Object.values(recipes).map((recipe) => ({ width, ...recipe, seed }))),
    ),
  ],
  config({ width, batchSize, learningRate, seed }, lab) {
    const cell = { threshold: Infinity, seed };
    if (width === 1) return pretrainConfig(lab, cell);
    // Warm-up must end before training does; this leaves it the last step or steps.
    const schedule = { learningRate, warmupEpochs: 0.99, epochs: 1, annealing: 'linear' } as const;
    return pretrainConfig(lab, {
      ...{ ...cell, arch: repvgg('A0', { width }) },
      training: { batchSize, schedule },
    });
  },
  row(cell, _, { epochs }) {
    const { meanPeakToSigma = NaN, maxRatio = NaN } = epochs[0]!;
    return { ...cell, meanPeakToSigma, maxRatio };
  },
  entries({ width, batchSize, learningRate, seed: sample, meanPeakToSigma, maxRatio }) {
    const line = { width, 'images a batch': batchSize, 'rate rises to': learningRate };
    return [
      { line, column: 'mean max|w|/σ', sample, value: meanPeakToSigma, format: formatEstimate },
      { line, column: 'largest |r0|', sample, value: maxRatio, format: formatEstimate },
    ];
  },
};
