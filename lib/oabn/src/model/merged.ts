/**
 * A network in its merged form: RepVGG's chain, one 3×3 convolution with bias per block, or the operations of
 * another family. Quantizers and observers hook in at the two places that matter, the kernel and the
 * activation that enters it; the first convolution, the classifier and squeeze-and-excitation have no hooks,
 * as they stay in FP32 (paper, figure 6).
 */
import type { HostTensor } from 'oabn-base';
import { tf } from 'tfjs-native';
import type { Architecture } from './architecture.js';
import { blocksOf, quantizedBlocks } from './blocks.js';
import { activate, convolve, gateOf } from './convolve.js';
import type { ConvolutionOperation, Operation } from './operations.js';
import { classify } from './repvgg.js';
import { get, type StateDict, type Tensors } from './stateDict.js';

/** What a quantizer does to weights and activations in the forward pass of a merged network. */
export interface MergedHooks {
  /** Replaces the kernel [h,w,in,out] of the named block. */
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
  const features = arch.operations
    ? runOperations(arch.operations, x, convolution(params, quantizedNames(arch), hooks))
    : runChain(arch, params, x, hooks);
  return classify(params, features);
}

function runChain(arch: Architecture, params: Tensors, x: tf.Tensor4D, hooks: MergedHooks): tf.Tensor4D {
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
  return features;
}

const quantizedNames = (arch: Architecture): ReadonlySet<string> =>
  new Set(quantizedBlocks(arch).map(({ name }) => name));

type Convolve = (operation: ConvolutionOperation, x: tf.Tensor4D) => tf.Tensor4D;

/** A convolution with its bias, through the hooks where it is one of `quantized`. */
function convolution(params: Tensors, quantized: ReadonlySet<string>, hooks: MergedHooks): Convolve {
  return ({ name, stride, groups }, x) => {
    const kernel = params[`${name}.rbr_reparam.weight`] as tf.Tensor4D;
    const bias = params[`${name}.rbr_reparam.bias`]!;
    const isHooked = quantized.has(name);
    const weight = (isHooked && hooks.weight?.(name, kernel)) || kernel;
    const input = (isHooked && hooks.activation?.(name, x)) || x;
    const options = { ...(stride !== undefined && { stride }), ...(groups !== undefined && { groups }) };
    return tf.add(convolve(input, weight, options), bias);
  };
}

function runOperations(operations: readonly Operation[], x: tf.Tensor4D, convolved: Convolve): tf.Tensor4D {
  return operations.reduce((features: tf.Tensor4D, operation): tf.Tensor4D => {
    switch (operation.op) {
      case 'convolution':
        return convolved(operation, features);
      case 'activation':
        return activate(features, operation.of);
      case 'residual':
        return tf.add(features, runOperations(operation.body, features, convolved));
      case 'squeeze': {
        const { reduce, expand, gate } = operation;
        const mean = tf.mean(features, [1, 2], true) as tf.Tensor4D;
        return tf.mul(features, gateOf(convolved(expand, tf.relu(convolved(reduce, mean))), gate));
      }
      case 'average':
        return tf.mean(features, [1, 2], true);
      default:
        return operation satisfies never;
    }
  }, x);
}

/** A merged state dict with each quantized block's kernel replaced. */
export function mapKernels(
  arch: Architecture,
  merged: StateDict,
  replace: (block: string, kernel: HostTensor<Float32Array>) => Float32Array,
): StateDict {
  const replaced: Record<string, HostTensor<Float32Array>> = { ...merged };
  for (const { name } of quantizedBlocks(arch)) {
    const kernel = get(merged, `${name}.rbr_reparam.weight`);
    replaced[`${name}.rbr_reparam.weight`] = { shape: kernel.shape, data: replace(name, kernel) };
  }
  return replaced;
}
