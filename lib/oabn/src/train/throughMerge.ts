/**
 * Fine-tuning through the merge (RepQ, arXiv 2311.05317): the branches' W3, W1, γ and β stay the parameters,
 * the merged kernel is a differentiable function of them, and that kernel is what is quantized and convolved
 * with, once per block.
 *
 * Which statistics a branch's BN is merged with is a choice:
 * - `running`: those of pretraining, frozen. Training sees exactly the network that it ends with, at the cost
 *   of one convolution a block.
 * - `batch`: those of the batch, as in pretraining, with the running ones following, for use at the end. This
 *   needs the branches' own convolutions too, in FP32, for their mean and variance.
 */
import { tf } from 'tfjs-native';
import { type BnStatistics, type MergedBlock, mergeTensors, type StatisticsOf } from '../merge/index.js';
import {
  type Architecture,
  type Block,
  blocksOf,
  bnPrefix,
  classify,
  convolveBranch,
  type ForwardResult,
  type MergedHooks,
  type NormalizedPlace,
  type Tensors,
  updateRunning,
  type Variables,
} from '../model/index.js';

/** The BN statistics that the merge uses while branches are trained through it. */
export const mergeStatistics = ['running', 'batch'] as const;
/** `running` statistics, as in the merged network, or those of the `batch`. */
export type MergeStatistics = (typeof mergeStatistics)[number];

/** The hooks of a merged network, and which statistics it is merged with. */
export interface ThroughMergeOptions extends MergedHooks {
  /** Default `running`. */
  readonly statistics?: MergeStatistics;
}

/**
 * As `forwardMerged`, on the parameters of the branches; `buffers` are the running statistics after the
 * batch.
 */
export function forwardThroughMerge(
  arch: Architecture,
  { params, buffers }: Variables,
  x: tf.Tensor4D,
  { statistics = 'running', ...hooks }: ThroughMergeOptions,
): ForwardResult {
  const next: Record<string, tf.Tensor> = {};
  let features = x;
  blocksOf(arch).forEach((block, i) => {
    const { name, stride } = block;
    if (i > 0) features = hooks.activation?.(name, features) ?? features;
    const running = runningStatistics(block, buffers);
    const batch: StatisticsOf = (place, sum) =>
      batchStatistics(normalizedBy(block, place, params, features, sum), block, place, running, next);
    const merged = mergeTensors(arch, params, block, statistics === 'running' ? running : batch);
    const kernel = (i > 0 && hooks.weight?.(name, merged.kernel)) || merged.kernel;
    features = tf.relu(tf.add(tf.conv2d(features, kernel, stride, 1), merged.bias) as tf.Tensor4D);
  });
  return { logits: classify(params, features), buffers: next };
}

function runningStatistics(block: Block, buffers: Tensors): StatisticsOf {
  return (place) => {
    const prefix = bnPrefix(block, place);
    return { mean: buffers[`${prefix}.running_mean`]!, variance: buffers[`${prefix}.running_var`]! };
  };
}

/** What the BN at `place` normalizes, in FP32: the branch's convolution of x, or what the branches sum to. */
function normalizedBy(
  block: Block,
  place: NormalizedPlace,
  params: Tensors,
  x: tf.Tensor4D,
  sum: MergedBlock | undefined,
): tf.Tensor4D {
  if (place !== 'sum') return convolveBranch(block, place, params, x);
  return tf.add(tf.conv2d(x, sum!.kernel, block.stride, 1), sum!.bias);
}

/** The statistics of z [N,H,W,C]; the running ones after it go into `next`. */
function batchStatistics(
  z: tf.Tensor4D,
  block: Block,
  place: NormalizedPlace,
  running: StatisticsOf,
  next: Record<string, tf.Tensor>,
): BnStatistics {
  const mean = tf.mean(z, [0, 1, 2]);
  // tfjs's gradient of squaredDifference does not sum over broadcast axes.
  const variance = tf.mean(tf.square(tf.sub(z, mean)), [0, 1, 2]);
  const count = z.size / z.shape[3];
  const before = running(place);
  const prefix = bnPrefix(block, place);
  next[`${prefix}.running_mean`] = updateRunning(before.mean, mean);
  next[`${prefix}.running_var`] = updateRunning(before.variance, variance, count / Math.max(1, count - 1));
  return { mean, variance };
}
