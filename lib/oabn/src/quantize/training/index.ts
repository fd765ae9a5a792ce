/** Quantizers while a network is fine-tuned: their state, how it moves or is learned, and what it becomes. */
import { check } from 'oabn-base';
import { type Granularity, type QuantizationScheme, weightBitsOf } from '../scheme.js';
import { clusterTraining, type ClusterOptions } from './cluster.js';
import { quantizerName, quantizerTraining, type WeightQuantizer } from './quantizer.js';
import { uniformTraining, type UniformOptions } from './uniform.js';
import type { WeightTraining } from './weightTraining.js';

export * from './activations.js';
export * from './apot.js';
export * from './cluster.js';
export * from './dkm.js';
export * from './own.js';
export { normalizeQuantizer, quantizerName, type WeightQuantizer } from './quantizer.js';
export * from './uniform.js';
export type { WeightTraining } from './weightTraining.js';

/** The weight quantizer of `block` in training. */
export function weightTraining(
  scheme: QuantizationScheme,
  block: string,
  options: {
    readonly cluster?: ClusterOptions;
    readonly uniform?: UniformOptions;
    readonly quantizer?: WeightQuantizer;
  } = {},
): WeightTraining {
  const { weights, granularity = 'perTensor' } = scheme;
  const bits = weightBitsOf(scheme, block);
  switch (weights) {
    case 'uniform':
      return uniformTraining(bits, granularity, options.uniform);
    case 'cluster':
      if (options.quantizer) return quantizerOf(bits, granularity, options.quantizer);
      return clusterTraining(bits, granularity, options.cluster);
    default:
      return weights satisfies never;
  }
}

function quantizerOf(bits: number, granularity: Granularity, quantizer: WeightQuantizer): WeightTraining {
  check(
    granularity === 'perTensor',
    () =>
      `«${quantizerName(quantizer)}» quantizes a layer as a whole; leave out granularity ${JSON.stringify(granularity)}`,
  );
  return quantizerTraining(bits, quantizer);
}
