/**
 * What one training step costs (paper, table 7), counted from a network's description by these rules.
 *
 * Floating-point operations, of a batch of N images:
 * - A convolution or the classifier: 2 per multiply–accumulate forward, as many for the gradient of its
 *   weights, and as many for that of its input, which the first convolutions do not need.
 * - BN, for each value that it normalizes: 6 forward (mean 1, variance 3, scale and shift 2) and 8 backward
 *   (x − μ 1, its sums 3, the gradient 4), as the formulas of `batchNorm.ts` have them; for each channel 11
 *   forward (ratio 3, shift 2, running statistics 6) and 8 backward. OABN adds 4 for each channel: two
 *   limits, a comparison and a mask.
 * - Elementwise: a sum of k branches k − 1 forward, and as many backward where k branches' gradients meet at
 *   their input; ReLU 1 forward and 1 backward; average pooling 1 and 1.
 * - The optimizer (`sgd.ts`): 6 for each parameter, and 2 more where weight decay acts.
 *
 * Activation memory: the values, 4 bytes each, that the backward pass reads again. A block's branches share
 * their input, which its 3×3 and 1×1 convolutions and the identity's BN read and from which the ReLU before
 * knows its sign; each BN elsewhere keeps its input, which is the output of a convolution or, in QARepVGG,
 * the sum. A convolution's output that no BN reads is not kept, nor are sums before a ReLU.
 */
import { sizeOf } from 'oabn-base';
import type { Architecture } from './architecture.js';
import { blocksOf } from './blocks.js';
import { bnPrefix, parameterShapes } from './parameters.js';
import { isBuffer } from './stateDict.js';

/** What a training step on one batch costs, counted. */
export interface TrainingCost {
  /** Trained parameters. */
  readonly params: number;
  /** Floating-point operations of one step on the batch, forward and backward. */
  readonly convolutionFlops: number;
  /** Of BN and OABN. */
  readonly normalizationFlops: number;
  /** Of sums, ReLU and pooling. */
  readonly elementwiseFlops: number;
  /** Of SGD. */
  readonly optimizerFlops: number;
  /** All of the above. */
  readonly flops: number;
  /** Bytes of activations that the forward pass keeps for the backward pass, of the whole batch. */
  readonly activationBytes: number;
}

const bnPerValue = 6 + 8;
const bnPerChannel = 11 + 8;
const oabnPerChannel = 4;

/** The cost of one training step of `arch` in its training-time form, on `batch` images of `size`×`size`. */
export function trainingCostOf(arch: Architecture, size: number, batch: number): TrainingCost {
  let [convolution, normalization, elementwise, perStep, kept, side] = [0, 0, 0, 0, 0, size];
  blocksOf(arch).forEach((block, index) => {
    const { inChannels, outChannels, stride, branches } = block;
    const input = side * side * inChannels;
    side = Math.ceil(side / stride);
    const output = side * side * outChannels;
    const needsInputGradient = index > 0;
    kept += input;
    for (const place of [...branches, 'sum'] as const) {
      if (place === '3x3' || place === '1x1') {
        const macs = output * inChannels * (place === '3x3' ? 9 : 1);
        convolution += 2 * macs * (needsInputGradient ? 3 : 2);
      }
      if (bnPrefix(block, place) === undefined) continue;
      normalization += bnPerValue * output;
      perStep += bnPerChannel * outChannels;
      if (place !== 'identity') kept += output;
      if (place !== 'sum' && arch.oabn && (arch.oabn.branches ?? ['identity']).includes(place)) {
        perStep += oabnPerChannel * outChannels;
      }
    }
    elementwise += (branches.length - 1) * (output + (needsInputGradient ? input : 0)) + 2 * output;
  });
  const features = arch.widths.at(-1)!;
  elementwise += 2 * side * side * features;
  convolution += 3 * 2 * features * arch.classes;
  kept += side * side * features + features;
  const trained = Object.entries(parameterShapes(arch, 'training')).filter(([name]) => !isBuffer(name));
  const count = (shapes: typeof trained): number => shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  const params = count(trained);
  const flops = {
    convolutionFlops: batch * convolution,
    normalizationFlops: batch * normalization + perStep,
    elementwiseFlops: batch * elementwise,
    optimizerFlops: 6 * params + 2 * count(trained.filter(([, shape]) => shape.length > 1)),
  };
  return {
    params,
    ...flops,
    flops: Object.values(flops).reduce((sum, each) => sum + each, 0),
    activationBytes: 4 * batch * kept,
  };
}
