/**
 * Merging on the engine: the merged kernel and bias as differentiable functions of the branches' parameters,
 * for training through the merge (RepQ, arXiv 2311.05317). The same formulas as in `merge.ts`, in single
 * precision.
 */
import { tf } from 'tfjs-native';
import {
  type Architecture,
  type Block,
  bnPrefix,
  type Branch,
  convPrefix,
  limitOf,
  normalizationRatio,
  type NormalizedPlace,
  type Tensors,
} from '../model/index.js';

/** The one convolution that a block's branches make, as tensors that gradients flow through. */
export interface MergedBlock {
  /** [3,3,in,out] */
  readonly kernel: tf.Tensor4D;
  /** [out] */
  readonly bias: tf.Tensor1D;
}

/** The mean and the variance [out] that a BN divides out. */
export interface BnStatistics {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/** The statistics of the BN at a place of a block; `sum` is what the branches sum to, for a BN after it. */
export type StatisticsOf = (place: NormalizedPlace, sum?: MergedBlock) => BnStatistics;

/** One block as a 3×3 convolution of `params`, with OABN's limit and its gradient. */
export function mergeTensors(
  arch: Architecture,
  params: Tensors,
  block: Block,
  statisticsOf: StatisticsOf,
): MergedBlock {
  const branches = block.branches.map((branch) => {
    const part = {
      kernel: branchKernel(params, block, branch),
      bias: tf.zeros<tf.Rank.R1>([block.outChannels]),
    };
    return foldTensors(arch, params, block, branch, part, () => statisticsOf(branch));
  });
  const sum = branches.reduce((a, b) => ({
    kernel: tf.add(a.kernel, b.kernel),
    bias: tf.add(a.bias, b.bias),
  }));
  return foldTensors(arch, params, block, 'sum', sum, () => statisticsOf('sum', sum));
}

/** What the BN at `place` makes of a convolution: the convolution itself if there is no BN. */
function foldTensors(
  arch: Architecture,
  params: Tensors,
  block: Block,
  place: NormalizedPlace,
  { kernel, bias }: MergedBlock,
  statistics: () => BnStatistics,
): MergedBlock {
  const prefix = bnPrefix(block, place);
  if (prefix === undefined) return { kernel, bias };
  const { mean, variance } = statistics();
  const [gamma, beta] = [params[`${prefix}.weight`]!, params[`${prefix}.bias`]!];
  const ratio = normalizationRatio(gamma, variance, limitOf(arch, block, place, params));
  return {
    kernel: tf.mul(kernel, ratio),
    bias: tf.add(beta, tf.mul(ratio, tf.sub(bias, mean))),
  };
}

/** A branch as a 3×3 kernel [3,3,in,out], before its BN. */
function branchKernel(params: Tensors, block: Block, branch: Branch): tf.Tensor4D {
  const { inChannels, outChannels } = block;
  if (branch === 'identity') {
    return atCentre(tf.reshape(tf.eye(inChannels), [1, 1, inChannels, outChannels]));
  }
  const kernel = params[`${convPrefix(block, branch)}.weight`] as tf.Tensor4D;
  return branch === '3x3' ? kernel : atCentre(kernel);
}

/** A 1×1 kernel [1,1,in,out] as a 3×3 one. */
function atCentre(kernel: tf.Tensor4D): tf.Tensor4D {
  return tf.pad(kernel, [
    [1, 1],
    [1, 1],
    [0, 0],
    [0, 0],
  ]);
}
