/**
 * QDrop (Wei et al., arXiv 2203.05740): block reconstruction in which each element of an activation is
 * quantized or left in full precision at random, independently with probability 1/2 in each step (the
 * authors' setting). The weights learn to cope with errors of activations that the calibration images do not
 * show, which finds a flatter minimum.
 *
 * What enters a block is dropped to the full-precision network's activation, what is inside it to the value
 * before its quantizer; after learning, everything is quantized.
 */
import { blockRecipe } from './brecq.js';
import type { PtqMethod } from './method.js';
import { type Recipe, reconstruct } from './reconstruct/index.js';

export const qdropRecipe: Recipe = { ...blockRecipe, title: 'QDrop', dropProbability: 0.5 };

export const qdrop: PtqMethod = {
  title: 'QDrop',
  source: 'arXiv 2203.05740',
  granularities: ['perTensor', 'perChannel'],
  quantize: (problem) => reconstruct(problem, qdropRecipe),
};
