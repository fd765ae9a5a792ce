/** Quantizers while a network is fine-tuned: their state, how it moves or is learned, and what it becomes. */
import { type QuantizationScheme, weightBitsOf } from '../scheme.js';
import { clusterTraining, type ClusterOptions } from './cluster.js';
import { ownTraining, type OwnQuantizer } from './own.js';
import { uniformTraining, type UniformOptions } from './uniform.js';
import type { WeightTraining } from './weightTraining.js';

export * from './activations.js';
export * from './cluster.js';
export * from './own.js';
export * from './uniform.js';
export type { WeightTraining } from './weightTraining.js';

/** The weight quantizer of `block` in training. */
export function weightTraining(
  scheme: QuantizationScheme,
  block: string,
  options: {
    readonly cluster?: ClusterOptions;
    readonly uniform?: UniformOptions;
    readonly quantizer?: OwnQuantizer;
  } = {},
): WeightTraining {
  const { weights, granularity = 'perTensor' } = scheme;
  const bits = weightBitsOf(scheme, block);
  switch (weights) {
    case 'uniform':
      return uniformTraining(bits, granularity, options.uniform);
    case 'cluster':
      if (options.quantizer) return ownTraining(bits, options.quantizer);
      return clusterTraining(bits, granularity, options.cluster);
    default:
      return weights satisfies never;
  }
}
