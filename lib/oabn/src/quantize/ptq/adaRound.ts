/**
 * AdaRound (Nagel et al., arXiv 2004.10568): whether each weight is rounded up or down is learned, layer by
 * layer, from the layer's output behind the quantized layers before it (section 3.3, equation 25, with ReLU).
 *
 * Weight scales are those of least squared error. The paper quantizes weights alone; here the activations'
 * ranges are those of least squared error and stay fixed, and each layer learns with its quantized input.
 */
import type { PtqMethod } from './method.js';
import { learningDefaults, type Recipe, reconstruct } from './reconstruct/index.js';

const adaRoundRecipe: Recipe = {
  ...learningDefaults,
  title: 'AdaRound',
  unitSize: 1,
  rangeNorm: 2,
};

export const adaRound: PtqMethod = {
  title: 'AdaRound',
  source: 'arXiv 2004.10568',
  granularities: ['perTensor', 'perChannel'],
  quantize: (problem) => reconstruct(problem, adaRoundRecipe),
};
