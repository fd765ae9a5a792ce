/**
 * Batch normalization restored in a merged network for fine-tuning: the recipe for
 * quantization-aware training that RepVGG's own repository gives (its folder `quantization/`: measure each
 * convolution's output, and insert a BN that changes nothing). On images, z = W∗x of a block has the mean μ
 * and the variance σ² per channel, and with
 *
 *     γ = √(σ²+ε)      β = b + μ
 *
 * BN(z) = γ·(z − μ)/√(σ²+ε) + β = W∗x + b. The result is the training-time form of a network whose blocks
 * have the 3×3 branch alone; merging it gives the merged network back.
 */
import { check, type HostTensor } from 'oabn-base';
import { tf } from 'tfjs-native';
import {
  type Architecture,
  bnEpsilon,
  bnPrefix,
  blocksOf,
  checkChain,
  convPrefix,
  get,
  normalizeArchitecture,
  type StateDict,
  type Tensors,
  toVariables,
} from '../model/index.js';

/** The network of the same shape with the 3×3 branch alone, and its BN. */
export function restoredArchitecture({ widths, depths, strides, classes }: Architecture): Architecture {
  return normalizeArchitecture({ widths, depths, strides, classes, branches: ['3x3'] });
}

/**
 * The state dict of `restoredArchitecture(arch)` that computes what `merged` does.
 * @param images [N,H,W,3], normalized, on which the statistics are measured; a few hundred suffice
 * @throws UserError for a network of another family, and without images
 */
export async function restoreBatchNorm(
  arch: Architecture,
  merged: StateDict,
  images: tf.Tensor4D,
): Promise<StateDict> {
  checkChain(arch, 'Putting a BN behind each convolution');
  check(images.shape[0] > 0, 'Restoring BN needs at least one image, got none');
  const restored = restoredArchitecture(arch);
  const statistics = await measuredStatistics(restored, merged, images);
  const stateDict: Record<string, HostTensor<Float32Array>> = {};
  for (const [i, block] of blocksOf(restored).entries()) {
    const [mean, variance] = [statistics[2 * i]!, statistics[2 * i + 1]!];
    const bias = get(merged, `${block.name}.rbr_reparam.bias`);
    const prefix = bnPrefix(block, '3x3')!;
    const { shape } = bias;
    stateDict[`${convPrefix(block, '3x3')}.weight`] = get(merged, `${block.name}.rbr_reparam.weight`);
    stateDict[`${prefix}.weight`] = { shape, data: variance.data.map((v) => Math.sqrt(v + bnEpsilon)) };
    stateDict[`${prefix}.bias`] = { shape, data: bias.data.map((b, c) => b + mean.data[c]!) };
    stateDict[`${prefix}.running_mean`] = mean;
    stateDict[`${prefix}.running_var`] = variance;
  }
  stateDict['linear.weight'] = get(merged, 'linear.weight');
  stateDict['linear.bias'] = get(merged, 'linear.bias');
  return stateDict;
}

/** `outputStatistics` of a merged network, on the host. */
async function measuredStatistics(
  arch: Architecture,
  merged: StateDict,
  images: tf.Tensor4D,
): Promise<HostTensor<Float32Array>[]> {
  const { params } = toVariables(merged);
  let measured: tf.Tensor[] = [];
  const read = async (tensor: tf.Tensor): Promise<HostTensor<Float32Array>> => ({
    shape: tensor.shape,
    data: Float32Array.from(await tensor.data()),
  });
  try {
    measured = tf.tidy(() => outputStatistics(arch, params, images));
    return await Promise.all(measured.map(read));
  } finally {
    tf.dispose([measured, params as tf.TensorContainer]);
  }
}

/** Mean and variance [out] of the output of each block's convolution, before the bias; block after block. */
function outputStatistics(arch: Architecture, params: Tensors, images: tf.Tensor4D): tf.Tensor[] {
  const statistics: tf.Tensor[] = [];
  let features = images;
  for (const { name, stride } of blocksOf(arch)) {
    const kernel = params[`${name}.rbr_reparam.weight`] as tf.Tensor4D;
    const z = tf.conv2d(features, kernel, stride, 1);
    const mean = tf.mean(z, [0, 1, 2]);
    statistics.push(mean, tf.mean(tf.square(tf.sub(z, mean)), [0, 1, 2]));
    features = tf.relu(tf.add(z, params[`${name}.rbr_reparam.bias`]!));
  }
  return statistics;
}
