/**
 * How a merged network is quantized, as plain JSON: part of a run's configuration and of a checkpoint's
 * metadata.
 */
import { check, type HostTensor, schema } from 'oabn-base';

/** The smallest number of bits of a quantizer. */
export const minBits = 2;
/** The largest number of bits of a quantizer. */
export const maxBits = 8;

/**
 * Refuses bit widths that no quantizer here has. @throws UserError unless `bits` is a whole number from 2 to
 * 8.
 */
export function checkBits(bits: number): void {
  const good = Number.isInteger(bits) && bits >= minBits && bits <= maxBits;
  check(good, `bits must be a whole number from ${minBits} to ${maxBits}, got ${bits}`);
}

/** `uniform`: figure 5's symmetric levels. `cluster`: 2^b centroids, found by 1-D k-means. */
export const weightMethods = ['uniform', 'cluster'] as const;
/** `uniform`: levels at equal distances; `cluster`: the centroids of k-means. */
export type WeightMethod = (typeof weightMethods)[number];

/** What shares a weight quantizer: a whole layer, as in the paper, or each output channel by itself. */
export const granularities = ['perTensor', 'perChannel'] as const;
/** What shares a weight quantizer: all of a layer, or each of its output channels. */
export type Granularity = (typeof granularities)[number];

/** How a network is quantized: bits, the kind of the weights' values, and what shares a quantizer. */
export interface QuantizationScheme {
  /** Bits of weights and activations, 2 to 8. */
  readonly bits: number;
  /** What values the weights take: `uniform` levels or `cluster` centroids. */
  readonly weights: WeightMethod;
  /** What shares a weight quantizer; default `perTensor`. Activations always have one quantizer per layer. */
  readonly granularity?: Granularity;
  /** Bits of the activations if they differ from `bits`, 2 to 8; `null` leaves them in FP32. */
  readonly activationBits?: number | null;
  /**
   * Block name → bits of its weights and of the activation that enters it, where they differ from the above.
   */
  readonly layerBits?: Readonly<Record<string, number>>;
}

const { nullable, object, oneOf, record, whole } = schema;
const someBits = whole(minBits, maxBits);

/** What a scheme in JSON may look like. */
export const schemeRule = object(
  { bits: someBits, weights: oneOf(...weightMethods) },
  {
    granularity: oneOf(...granularities),
    activationBits: nullable(someBits),
    layerBits: record(someBits),
  },
);

/** The scheme itself, if it is valid. @throws UserError naming what is out of range. */
export function checkScheme(scheme: QuantizationScheme): QuantizationScheme {
  schemeRule(scheme, 'scheme');
  return scheme;
}

/**
 * The canonical form of a scheme: defaults left out, so that equal schemes have equal JSON. @throws as
 * `checkScheme`
 */
export function normalizeScheme(scheme: QuantizationScheme): QuantizationScheme {
  const { bits, weights, granularity, activationBits, layerBits = {} } = checkScheme(scheme);
  return {
    bits,
    weights,
    ...(granularity === 'perChannel' && { granularity }),
    ...(activationBits !== undefined && activationBits !== bits && { activationBits }),
    ...(Object.keys(layerBits).length > 0 && { layerBits }),
  };
}

/**
 * A scheme in files and in the configurations of stored runs. Clustered weights are `kmeans` there, because
 * that was their name when the first runs were stored, and a run is named by the hash of its configuration.
 */
export interface StoredScheme extends Omit<QuantizationScheme, 'weights'> {
  readonly weights: Exclude<WeightMethod, 'cluster'> | 'kmeans';
}

/** A scheme as runs and files store it; `readScheme` is the way back. */
export function storedScheme({ weights, ...scheme }: QuantizationScheme): StoredScheme {
  return { ...scheme, weights: weights === 'cluster' ? 'kmeans' : weights };
}

/** What `storedScheme` made. Anything else is returned unchanged, for `checkScheme` to refuse. */
export function readScheme(stored: StoredScheme): QuantizationScheme {
  const { weights, ...scheme } = stored ?? {};
  return weights === 'kmeans' ? { ...scheme, weights: 'cluster' } : (stored as QuantizationScheme);
}

/** What of a scheme goes beyond its kind and its bits, such as «per channel» and «8-bit activations». */
export function describeScheme({ granularity, activationBits, layerBits }: QuantizationScheme): string[] {
  return [
    ...(granularity === 'perChannel' ? ['per channel'] : []),
    ...(activationBits === null ? ['FP32 activations'] : []),
    ...(activationBits ? [`${activationBits}-bit activations`] : []),
    ...(layerBits ? ['bits by layer'] : []),
  ];
}

/** b of the weights of `block`. */
export function weightBitsOf({ bits, layerBits }: QuantizationScheme, block: string): number {
  return layerBits?.[block] ?? bits;
}

/** b of the activation that enters `block`, or undefined where it stays in FP32. */
export function activationBitsOf(
  { bits, activationBits, layerBits }: QuantizationScheme,
  block: string,
): number | undefined {
  return activationBits === null ? undefined : (layerBits?.[block] ?? activationBits ?? bits);
}

/** The groups of a kernel [out,in,3,3] (OIHW) that share a quantizer, as views of its data. */
export function groupsOf(
  { shape, data }: HostTensor<Float32Array>,
  granularity: Granularity = 'perTensor',
): Float32Array[] {
  if (granularity === 'perTensor') return [data];
  const size = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

/** A kernel's data with each group replaced by `replace` of it, which has the same length. */
export function mapGroups(
  kernel: HostTensor<Float32Array>,
  granularity: Granularity | undefined,
  replace: (weights: Float32Array, group: number) => Float32Array,
): Float32Array {
  const result = new Float32Array(kernel.data.length);
  let offset = 0;
  groupsOf(kernel, granularity).forEach((weights, group) => {
    result.set(replace(weights, group), offset);
    offset += weights.length;
  });
  return result;
}
