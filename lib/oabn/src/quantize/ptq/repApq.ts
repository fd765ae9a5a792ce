/**
 * RepAPQ (Zhang et al., arXiv 2402.16121), made for re-parameterized networks, whose activations have
 * outliers in single channels of single images. From the paper's abstract and summaries:
 *
 * - The mean absolute error in place of the squared one, over which outliers have less power.
 * - Quantization Protecting Reparameterization: the branches merged into one convolution with a channel-wise
 *   affine layer behind it, which learns with the quantizers.
 * - Across-block Calibration: the error of the stage's output is compared in addition to that of the block,
 *   because the gradient of an absolute error does not reflect its size.
 *
 * It is reconstructed here, because the paper's formulas were not available, and the authors' repository
 * (github.com/ilur98/DLMC-QUANT) has only the frame: block after block, 1,024 images in batches of 64, Adam
 * with cosine annealing, and a squared error; neither the affine layer nor the stage's output. The affine
 * layer is y = gain·(Q(W) ∗ x) + shift behind the quantized weights and begins as the merged bias; both
 * errors are summed as they are; the stage's remaining layers run in full precision while a block learns;
 * roundings are learned as in AdaRound, and ranges begin at the least absolute error. With a scale for each
 * channel, gain and shift are the channel's; with one for the layer the gain is one number, since otherwise
 * the layer would no longer have a single scale. Both are absorbed exactly in the end: the gain in the scale,
 * the shift in the bias.
 */
import { blockRecipe } from './brecq.js';
import type { PtqMethod } from './method.js';
import { type Recipe, reconstruct } from './reconstruct/index.js';

const repApqRecipe: Recipe = {
  ...blockRecipe,
  title: 'RepAPQ',
  error: 'absolute',
  rangeNorm: 1,
  learnsAffine: true,
  acrossBlocks: true,
};

export const repApq: PtqMethod = {
  title: 'RepAPQ',
  source: 'arXiv 2402.16121, reconstructed from the abstract',
  granularities: ['perTensor', 'perChannel'],
  quantize: (problem) => reconstruct(problem, repApqRecipe),
};
