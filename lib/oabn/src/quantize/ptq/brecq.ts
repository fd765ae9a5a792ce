/**
 * BRECQ (Li et al., arXiv 2102.05426): roundings are learned block by block, so that errors of one layer can
 * make up for those of another (section 3), and each squared error of the block's output is weighted by its
 * effect on the loss (equation 10, the diagonal of the Fisher information; see `reconstruct/fisher.ts` for
 * how that needs no labels). The reach of each activation quantizer is learned with the roundings (LSQ; the
 * paper's algorithm 1).
 *
 * A block of a merged RepVGG, which is a plain chain, is two consecutive convolutions of a stage
 * (`reconstruct/units.ts`). The authors' published script learns with weights 1 and trains the ranges after
 * the roundings; here both follow the paper.
 */
import type { PtqMethod } from './method.js';
import { learningDefaults, type Recipe, reconstruct } from './reconstruct/index.js';

/** Block reconstruction without the Fisher weights: what BRECQ and QDrop share. */
export const blockRecipe: Recipe = {
  ...learningDefaults,
  title: 'Block reconstruction',
  unitSize: 2,
  rangeNorm: 2.4,
  learnsRanges: true,
};

const brecqRecipe: Recipe = { ...blockRecipe, title: 'BRECQ', fisher: true };

export const brecq: PtqMethod = {
  title: 'BRECQ',
  source: 'arXiv 2102.05426',
  granularities: ['perTensor', 'perChannel'],
  quantize: (problem) => reconstruct(problem, brecqRecipe),
};
