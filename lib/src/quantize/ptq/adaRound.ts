/**
 * AdaRound (Nagel et al., arXiv 2004.10568): whether each weight is rounded up or down is learned, layer by layer, from
 * what the layer gives behind the quantized layers before it.
 */
import type { PtqMethod } from './method.js';
import { type Recipe, reconstruct } from './reconstruct/reconstruct.js';

export const adaRoundRecipe: Recipe = {
  title: 'AdaRound',
  unitSize: 1,
  error: 'squared',
  rangeNorm: 2,
  fisher: false,
  acrossBlocks: false,
  learnsRanges: false,
  learnsAffine: false,
  dropProbability: 0,
  regularization: 0.01,
  travel: { rounding: 10, range: 0, affine: 0 },
  iterations: 200,
  batchSize: 32,
};

export const adaRound: PtqMethod = {
  title: 'AdaRound',
  source: 'arXiv 2004.10568',
  granularities: ['perTensor', 'perChannel'],
  quantize: (problem) => reconstruct(problem, adaRoundRecipe),
};
