/**
 * A quantized network: the merged one with quantized kernels, and the ranges by which its activations are
 * quantized on the way. The first convolution and the classifier stay in FP32 (paper, figure 6).
 */
import type { tf } from 'tfjs-native';
import { check, type HostTensor, parseJson, type SafetensorsOptions, schema } from 'oabn-base';
import { type LoadOptions, loadRepVGG } from '../family/index.js';
import {
  type Architecture,
  forwardMerged,
  get,
  mapKernels,
  type Network,
  quantizedBlocks,
  saveNetwork,
  type StateDict,
  type Tensors,
} from '../model/index.js';
import type { ActivationRanges } from './calibrate.js';
import { kmeans1d, type KmeansOptions, quantizeToCentroids } from './kmeans/index.js';
import {
  activationBitsOf,
  checkScheme,
  mapGroups,
  type QuantizationScheme,
  readScheme,
  storedScheme,
  type StoredScheme,
  schemeRule,
  weightBitsOf,
  type WeightMethod,
} from './scheme.js';
import { fakeQuantizeActivation, quantizeValues, weightQuantizer } from './uniform.js';

/** A merged network whose kernels hold quantized values, with the ranges of its activations. */
export interface QuantizedNetwork {
  /** Its description. */
  readonly arch: Architecture;
  /** How it is quantized. */
  readonly scheme: QuantizationScheme;
  /** Merged, with quantized kernels. */
  readonly stateDict: StateDict;
  /** Block name → range of the activation that enters it. */
  readonly activations: ActivationRanges;
  /** Block name → how its weights are stored, where that is not one b-bit code for each. */
  readonly stored?: Readonly<Record<string, StoredWeights>>;
}

/** What a block stores for its weights. */
export interface StoredWeights {
  /** The number of distinct values that the codes stand for. */
  readonly states: number;
  /** The size of all codes together, in bits. */
  readonly bits: number;
}

/** What a checkpoint stores about a quantized network besides its tensors. */
export type Quantization = Pick<QuantizedNetwork, 'scheme' | 'activations' | 'stored'>;

/** What `quantizeNetwork` quantizes, and how. */
export interface NetworkToQuantize {
  /** Its description. */
  readonly arch: Architecture;
  /** The merged network in FP32. */
  readonly merged: StateDict;
  /** The ranges of the activations, as `calibrate` finds them. */
  readonly ranges: ActivationRanges;
  /** How it is to be quantized. */
  readonly scheme: QuantizationScheme;
}

/**
 * Post-training quantization of a merged network by min–max or by k-means (paper, section 4.2).
 * @throws UserError for an invalid scheme
 */
export function quantizeNetwork({ arch, merged, ranges, scheme }: NetworkToQuantize): QuantizedNetwork {
  checkScheme(scheme);
  return {
    arch,
    scheme,
    activations: ranges,
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
  options: Pick<KmeansOptions, 'init' | 'seed'> = {},
): Float32Array {
  return Float32Array.from(kmeans1d(weights, 2 ** bits, options).centroids);
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
 * The state size (paper, section 4.2.2): the number of distinct weight values, summed over the quantized
 * layers. Uniform per-layer quantization gives at most 2^b − 1 per layer, k-means at most 2^b; per-channel
 * quantization as many for each channel, less what channels share, such as 0. It is counted on the kernels as
 * they compute, so it is the size of the codebooks only where each weight is one code: `storedStates` counts
 * what is stored.
 */
export function stateSize(arch: Architecture, stateDict: StateDict): number {
  return quantizedBlocks(arch).reduce((total, { name }) => total + statesOf(stateDict, name), 0);
}

/**
 * The state size of what a network stores: as `stateSize`, but a block whose kernel is the sum of several
 * stored parts counts the values of its parts, because the sums are never stored.
 */
export function storedStates({ arch, stateDict, stored }: QuantizedNetwork): number {
  return quantizedBlocks(arch).reduce(
    (total, { name }) => total + (stored?.[name]?.states ?? statesOf(stateDict, name)),
    0,
  );
}

/**
 * Bits of the codes of all quantized weights: b per weight, unless a block stores them differently. Scales
 * are not counted.
 */
export function storedBits({ arch, scheme, stateDict, stored }: QuantizedNetwork): number {
  const codes = (block: string): number =>
    weightBitsOf(scheme, block) * get(stateDict, `${block}.rbr_reparam.weight`).data.length;
  return quantizedBlocks(arch).reduce((total, { name }) => total + (stored?.[name]?.bits ?? codes(name)), 0);
}

function statesOf(stateDict: StateDict, block: string): number {
  return new Set(get(stateDict, `${block}.rbr_reparam.weight`).data).size;
}

/**
 * Writes a quantized network: merged tensors, with scheme, ranges and storage in the header's `quantization`.
 */
export async function saveQuantizedNetwork(
  path: string,
  network: QuantizedNetwork,
  metadata: Record<string, string> = {},
  options: SafetensorsOptions = {},
): Promise<void> {
  const { arch, scheme, activations, stored, stateDict } = network;
  const quantization = { scheme: storedScheme(scheme), activations, ...(stored && { stored }) };
  await saveNetwork(
    path,
    { arch, stateDict, form: 'merged' },
    { quantization: JSON.stringify(quantization), ...metadata },
    options,
  );
}

/**
 * Reads a network of any kind: three-branch, merged, or quantized (then with its `quantization`), under the
 * official names or those of another code for RepVGG.
 */
export async function loadAnyNetwork(
  path: string,
  options: LoadOptions = {},
): Promise<Network & { quantization?: Quantization }> {
  const network = await loadRepVGG(path, options);
  const { quantization } = network.metadata;
  return quantization === undefined
    ? network
    : { ...network, quantization: parseQuantization(quantization, network.arch, path) };
}

const { finite, object, record, whole } = schema;
const quantizationRule = object(
  { scheme: schemeRule, activations: record(object({ min: finite, max: finite })) },
  { stored: record(object({ states: whole(0), bits: whole(0) })) },
);

/**
 * How a file is quantized, as its metadata say; undefined for a file in FP32. @throws UserError naming the part
 * that cannot be right
 */
export function schemeOfFile(
  path: string,
  { quantization }: Readonly<Record<string, string>>,
): QuantizationScheme | undefined {
  return quantization === undefined ? undefined : readQuantization(quantization, path).scheme;
}

function readQuantization(text: string, path: string): Quantization {
  const name = `${path}: its quantization`;
  const quantization = withSchemeRead(parseJson(text, name)) as Quantization;
  quantizationRule(quantization, name);
  return quantization;
}

/** `readQuantization`, with a range for each quantized block of the network. */
function parseQuantization(text: string, arch: Architecture, path: string): Quantization {
  const name = `${path}: its quantization`;
  const quantization = readQuantization(text, path);
  for (const { name: block } of quantizedBlocks(arch)) {
    if (activationBitsOf(quantization.scheme, block) === undefined) continue;
    const range = Object.hasOwn(quantization.activations, block)
      ? quantization.activations[block]
      : undefined;
    check(range, `${name} has no range of the activation that enters ${block}`);
    check(
      range.min <= range.max,
      `${name} has the range ${range.min} … ${range.max} at ${block}; min must be ≤ max`,
    );
  }
  return quantization;
}

/**
 * Metadata as `storedScheme` wrote it, with the scheme as the library has it; anything else as it is, to be
 * refused.
 */
function withSchemeRead(metadata: unknown): unknown {
  const { scheme } = (metadata ?? {}) as { readonly scheme?: unknown };
  const isRecord = typeof scheme === 'object' && scheme !== null;
  return isRecord ? { ...(metadata as object), scheme: readScheme(scheme as StoredScheme) } : metadata;
}
