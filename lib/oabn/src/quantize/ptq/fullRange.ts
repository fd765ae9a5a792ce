/**
 * Uniform quantization with all 2^b levels: weights from their least to their largest value, with a zero
 * point, as the paper's own PTQ quantizes activations. Symmetric weights (min–max) leave one of the codes
 * unused, 2^b − 1 levels; at 2 bits that is 3 against the 4 of clusters, a difference that should not decide
 * a comparison.
 */
import { calibrate } from '../calibrate.js';
import { mapGroups, weightBitsOf } from '../scheme.js';
import { mapKernels } from '../../model/index.js';
import { activationQuantizer, quantizeValues } from '../uniform.js';
import { checkUniform } from './checkUniform.js';
import type { PtqMethod } from './method.js';

/** Affine quantization of weights, 2^b levels. */
export const fullRange: PtqMethod = {
  title: 'uniform, full range',
  source: 'arXiv 1712.05877, section 2.1 (affine quantization)',
  granularities: ['perTensor', 'perChannel'],
  quantize: async ({ arch, merged, scheme, calibration }) => {
    checkUniform('fullRange', scheme);
    return {
      arch,
      scheme,
      activations: await calibrate(arch, merged, [calibration]),
      stateDict: mapKernels(arch, merged, (block, kernel) =>
        mapGroups(kernel, scheme.granularity, (weights) =>
          fullRangeWeights(weights, weightBitsOf(scheme, block)),
        ),
      ),
    };
  },
};

/** Weights [n] on 2^b levels from their least to their largest value; the range is widened to hold 0. */
export function fullRangeWeights(weights: Float32Array, bits: number): Float32Array {
  const range = weights.reduce(({ min, max }, w) => ({ min: Math.min(min, w), max: Math.max(max, w) }), {
    min: 0,
    max: 0,
  });
  return quantizeValues(activationQuantizer(range, bits), weights);
}
