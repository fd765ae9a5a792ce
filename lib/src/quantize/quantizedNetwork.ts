/**
 * A quantized network: the merged one with quantized kernels, and the ranges by which its activations are
 * quantized on the way. The first convolution and the classifier stay in FP32 (paper, figure 6).
 */
import type { tf } from '../backend/index.js';
import { check, type HostTensor } from '../base/index.js';
import {
  type Architecture,
  forwardMerged,
  get,
  loadNetwork,
  type Network,
  quantizedBlocks,
  saveNetwork,
  type StateDict,
  type Tensors,
} from '../model/index.js';
import type { ActivationRanges } from './calibrate.js';
import { fakeQuantizeActivation } from './fakeQuantize.js';
import { kmeans1d, type KmeansInit, quantizeToCentroids } from './kmeans/index.js';
import { mapGroups } from './granularity.js';
import {
  activationBitsOf,
  checkScheme,
  type QuantizationScheme,
  weightBitsOf,
  type WeightMethod,
} from './scheme.js';
import { quantizeValues, weightQuantizer } from './uniform.js';

export interface QuantizedNetwork {
  readonly arch: Architecture;
  readonly scheme: QuantizationScheme;
  /** Merged, with quantized kernels. */
  readonly stateDict: StateDict;
  readonly activations: ActivationRanges;
}

/** Post-training quantization of a merged network (paper, section 4.2). */
export function quantizeNetwork(
  arch: Architecture,
  merged: StateDict,
  activations: ActivationRanges,
  scheme: QuantizationScheme,
): QuantizedNetwork {
  checkScheme(scheme);
  return {
    arch,
    scheme,
    activations,
    stateDict: mapKernels(arch, merged, (block, kernel) => quantizeKernel(kernel, scheme, block)),
  };
}

/** The data of a block's kernel [out,in,3,3], quantized as `scheme` says. */
export function quantizeKernel(
  kernel: HostTensor<Float32Array>,
  scheme: QuantizationScheme,
  block: string,
): Float32Array {
  return mapGroups(kernel, scheme.granularity, (weights) =>
    quantizeWeights(weights, scheme.weights, weightBitsOf(scheme, block)),
  );
}

/** Weights that share one quantizer, in b bits: min–max levels, or the centroids of k-means. */
function quantizeWeights(weights: Float32Array, method: WeightMethod, bits: number): Float32Array {
  return method === 'uniform'
    ? quantizeValues(weightQuantizer(weights, bits), weights)
    : quantizeToCentroids(weights, layerCentroids(weights, bits));
}

/** The 2^b centroids of a layer's weights by 1-D k-means, ascending. */
export function layerCentroids(
  weights: Float32Array,
  bits: number,
  init: KmeansInit = 'quantile',
  seed = 0,
): Float32Array {
  return Float32Array.from(kmeans1d(weights, 2 ** bits, { init, seed }).centroids);
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

/** Ranges as numbers, or as scalar tensors where one traced function serves many networks. */
export type EngineRanges = Readonly<Record<string, { min: tf.Tensor | number; max: tf.Tensor | number }>>;

/** The logits [N, classes] of a quantized network with tensors `params`, on images [N,H,W,3]. */
export function forwardQuantized(
  { arch, scheme }: Pick<QuantizedNetwork, 'arch' | 'scheme'>,
  params: Tensors,
  ranges: EngineRanges,
  images: tf.Tensor4D,
): tf.Tensor2D {
  return forwardMerged(arch, params, images, {
    activation: (block, x) => {
      const bits = activationBitsOf(scheme, block);
      if (bits === undefined) return x;
      const range = ranges[block];
      check(range, () => `No activation range for ${block}; calibrate the network first`);
      return fakeQuantizeActivation(x, range.min, range.max, bits);
    },
  });
}

/**
 * The state size (paper, section 4.2.2): the number of distinct weight values, summed over the quantized layers.
 * Uniform per-layer quantization gives at most 2^b − 1 a layer, k-means at most 2^b.
 */
export function stateSize(arch: Architecture, stateDict: StateDict): number {
  const distinct = ({ name }: { name: string }): number =>
    new Set(get(stateDict, `${name}.rbr_reparam.weight`).data).size;
  return quantizedBlocks(arch).reduce((total, block) => total + distinct(block), 0);
}

/** Writes a quantized network: merged tensors, with scheme and ranges in the header's `quantization`. */
export async function saveQuantizedNetwork(
  path: string,
  network: QuantizedNetwork,
  metadata: Record<string, string> = {},
): Promise<void> {
  const { arch, scheme, activations, stateDict } = network;
  await saveNetwork(
    path,
    { arch, stateDict, form: 'merged' },
    { quantization: JSON.stringify({ scheme, activations }), ...metadata },
  );
}

/** Reads a network of any kind: three-branch, merged, or quantized (then with its `quantization`). */
export async function loadAnyNetwork(
  path: string,
  arch?: Architecture,
): Promise<Network & { quantization?: Pick<QuantizedNetwork, 'scheme' | 'activations'> }> {
  const network = await loadNetwork(path, arch);
  const { quantization } = network.metadata;
  return quantization ? { ...network, quantization: JSON.parse(quantization) } : network;
}
