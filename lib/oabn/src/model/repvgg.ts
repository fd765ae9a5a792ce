/**
 * RepVGG and QARepVGG in their training-time form: three branches per block, normalized one by one or as a
 * sum. A pure function of named tensors, with the running statistics going in and coming out.
 */
import { tf } from 'tfjs-native';
import type { Architecture, Branch } from './architecture.js';
import { batchNormInference, batchNormTraining, limitOf, updateRunning } from './batchNorm.js';
import { type Block, blocksOf } from './blocks.js';
import { bnPrefix, convPrefix, type NormalizedPlace } from './parameters.js';
import type { Tensors, Variables } from './stateDict.js';

/** The result of a pass through a three-branch network. */
export interface ForwardResult {
  /** [N, classes] */
  readonly logits: tf.Tensor2D;
  /** The running statistics after this batch; in inference, those that were given. */
  readonly buffers: Tensors;
}

/**
 * The network on images x [N,H,W,3], with the batch's statistics in training and the running ones otherwise.
 */
export function forward(
  arch: Architecture,
  variables: Variables,
  x: tf.Tensor4D,
  options: { training: boolean },
): ForwardResult {
  const buffers: Record<string, tf.Tensor> = { ...variables.buffers };
  let features = x;
  for (const block of blocksOf(arch)) {
    const normalized = (place: NormalizedPlace, x: tf.Tensor4D): tf.Tensor4D =>
      normalize(arch, block, place, variables, x, options.training, buffers);
    const branches = block.branches.map((branch) =>
      normalized(branch, convolveBranch(block, branch, variables.params, features)),
    );
    features = tf.relu(
      normalized(
        'sum',
        branches.reduce((sum, branch) => tf.add(sum, branch)),
      ),
    );
  }
  return { logits: classify(variables.params, features), buffers };
}

/** Average pooling over the image and the linear classifier: [N,H,W,C] → [N, classes]. */
export function classify(params: Tensors, features: tf.Tensor4D): tf.Tensor2D {
  const pooled = tf.mean(features, [1, 2]) as tf.Tensor2D;
  return tf.add(tf.matMul(pooled, params['linear.weight'] as tf.Tensor2D), params['linear.bias']!);
}

/** What a branch's BN normalizes: x [N,H,W,in] convolved, or x itself. */
export function convolveBranch(block: Block, branch: Branch, params: Tensors, x: tf.Tensor4D): tf.Tensor4D {
  if (branch === 'identity') return x;
  const kernel = params[`${convPrefix(block, branch)}.weight`] as tf.Tensor4D;
  return tf.conv2d(x, kernel, block.stride, branch === '3x3' ? 1 : 0);
}

/** x after the BN at `place`; x itself where the block has none there. */
function normalize(
  arch: Architecture,
  block: Block,
  place: NormalizedPlace,
  { params, buffers: running }: Variables,
  x: tf.Tensor4D,
  training: boolean,
  buffers: Record<string, tf.Tensor>,
): tf.Tensor4D {
  const prefix = bnPrefix(block, place);
  if (prefix === undefined) return x;
  const [gamma, beta] = [params[`${prefix}.weight`]!, params[`${prefix}.bias`]!];
  const [meanName, varName] = [`${prefix}.running_mean`, `${prefix}.running_var`];
  const limit = limitOf(arch, block, place, params);
  if (!training) return batchNormInference(x, gamma, beta, running[meanName]!, running[varName]!, limit);
  const { y, mean, variance } = batchNormTraining(x, gamma, beta, limit);
  const count = x.size / x.shape[3];
  buffers[meanName] = updateRunning(running[meanName]!, mean);
  buffers[varName] = updateRunning(running[varName]!, variance, count / Math.max(1, count - 1));
  return y;
}
