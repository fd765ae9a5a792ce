/**
 * A PTQ method of your own: a function of a layer's weights; activations are quantized min–max, as in the
 * paper's own PTQ.
 */
import { check } from 'oabn-base';
import { tf } from 'tfjs-native';
import { type Custom, functionOf } from '../../custom/index.js';
import { calibrate } from '../calibrate.js';
import { mapGroups, weightBitsOf } from '../scheme.js';
import { mapKernels } from '../../model/index.js';
import type { PtqMethod } from './method.js';

/**
 * The weights that share a quantizer, flat, and b → their quantized values in the same order, at most 2^b
 * different ones.
 */
export type QuantizeWeights = (engine: typeof tf, weights: Float32Array, bits: number) => ArrayLike<number>;

/** The method that quantizes weights by a function of your own. */
export function ownMethod(own: Custom<QuantizeWeights>): PtqMethod {
  return {
    title: own.name,
    source: 'a function of your own',
    granularities: ['perTensor', 'perChannel'],
    quantize: async ({ arch, merged, scheme, calibration }) => ({
      arch,
      scheme,
      activations: await calibrate(arch, merged, [calibration]),
      stateDict: mapKernels(arch, merged, (block, kernel) =>
        mapGroups(kernel, scheme.granularity, (weights) =>
          quantized(own, weights, weightBitsOf(scheme, block)),
        ),
      ),
    }),
  };
}

function quantized(own: Custom<QuantizeWeights>, weights: Float32Array, bits: number): Float32Array {
  const values = Float32Array.from(functionOf(own)(tf, weights, bits));
  check(
    values.length === weights.length,
    () => `«${own.name}» gives ${values.length} values for ${weights.length} weights`,
  );
  const states = new Set(values).size;
  check(
    states <= 2 ** bits,
    () => `«${own.name}» gives ${states} different values; ${bits} bits can tell ${2 ** bits} apart`,
  );
  return values;
}
