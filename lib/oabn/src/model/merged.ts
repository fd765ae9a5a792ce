/**
 * RepVGG in its merged form: one 3×3 convolution with bias a block. Quantizers and observers hook in at the two
 * places that matter, the kernel and the activation that enters it; the first convolution and the classifier
 * have no hooks, for they stay in FP32 (paper, figure 6).
 */
import { tf } from 'tfjs-native';
import { type Architecture, blocksOf } from './architecture.js';
import { classify } from './repvgg.js';
import type { Tensors } from './stateDict.js';

/** What a quantizer does to weights and activations on the way through a merged network. */
export interface MergedHooks {
  /** Replaces the kernel [3,3,in,out] of the named block. */
  readonly weight?: (block: string, kernel: tf.Tensor4D) => tf.Tensor4D;
  /** Replaces the activation [N,H,W,in] that enters the named block. */
  readonly activation?: (block: string, x: tf.Tensor4D) => tf.Tensor4D;
}

/** The merged network on images x [N,H,W,3] → logits [N, classes]. */
export function forwardMerged(
  arch: Architecture,
  params: Tensors,
  x: tf.Tensor4D,
  hooks: MergedHooks = {},
): tf.Tensor2D {
  let features = x;
  blocksOf(arch).forEach(({ name, stride }, i) => {
    let kernel = params[`${name}.rbr_reparam.weight`] as tf.Tensor4D;
    if (i > 0) {
      kernel = hooks.weight?.(name, kernel) ?? kernel;
      features = hooks.activation?.(name, features) ?? features;
    }
    const bias = params[`${name}.rbr_reparam.bias`]!;
    features = tf.relu(tf.add(tf.conv2d(features, kernel, stride, 1), bias) as tf.Tensor4D);
  });
  return classify(params, features);
}
