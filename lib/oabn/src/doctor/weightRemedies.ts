/**
 * What helps, judged by the weights alone, for networks of any family: each remedy as the error that it makes
 * in a layer's weights. A uniform quantizer of step S that clips nothing has the error S/√12, so √12·(rms
 * error)/σ_w is the spacing that a remedy is worth, in the units of the law; it stays below √12 ≈ 3.5, where
 * all weights are rounded to zero.
 */
import type { HostTensor } from 'oabn-base';
import {
  layerCentroids,
  mapGroups,
  mseStep,
  quantizeToCentroids,
  quantizeValues,
  splitWeights,
  symmetricLevels,
  weightQuantizer,
} from '../quantize/index.js';

/** Another way to store a kernel [out, in per group, kh, kw] in few bits, which needs no images. */
export interface WeightRemedy {
  /** Its name for people. */
  readonly title: string;
  /** Kernel and bits → the values that stand for the weights. */
  readonly quantize: (kernel: HostTensor<Float32Array>, bits: number) => Float32Array;
  /** Bits that are stored for a kernel, scales and codebooks included. */
  readonly storedBits: (kernel: HostTensor<Float32Array>, bits: number) => number;
}

/** The names of `weightRemedies`. */
export type WeightRemedyName = 'perTensor' | 'perChannel' | 'clipped' | 'split' | 'cluster';

const floatBits = 32;
const tapsOf = ({ shape }: HostTensor): number => shape[2]! * shape[3]!;
const codes = ({ data }: HostTensor, bits: number): number => data.length * bits;

/** The remedies on weights, by name. */
export const weightRemedies: Readonly<Record<WeightRemedyName, WeightRemedy>> = {
  perTensor: {
    title: 'uniform, one scale per layer',
    quantize: ({ data }, bits) => quantizeValues(weightQuantizer(data, bits), data),
    storedBits: (kernel, bits) => codes(kernel, bits) + floatBits,
  },
  perChannel: {
    title: 'uniform, one scale per channel',
    quantize: (kernel, bits) =>
      mapGroups(kernel, 'perChannel', (group) => quantizeValues(weightQuantizer(group, bits), group)),
    storedBits: (kernel, bits) => codes(kernel, bits) + floatBits * kernel.shape[0]!,
  },
  clipped: {
    title: 'clipped at the least squared error',
    quantize: ({ data }, bits) => {
      const quantMax = symmetricLevels(bits);
      const scale = mseStep(data, { quantMin: -quantMax, quantMax });
      return quantizeValues({ scale, zeroPoint: 0, quantMin: -quantMax, quantMax }, data);
    },
    storedBits: (kernel, bits) => codes(kernel, bits) + floatBits,
  },
  split: {
    title: 'centre taps apart (CFWS)',
    quantize: (kernel, bits) =>
      // A 1×1 kernel is all centre: there is nothing to separate it from.
      tapsOf(kernel) === 1 ? weightRemedies.perTensor.quantize(kernel, bits) : splitWeights(kernel, bits).sum,
    storedBits: (kernel, bits) => {
      const taps = tapsOf(kernel);
      return codes(kernel, bits) + (taps > 1 ? codes(kernel, bits) / taps : 0) + 2 * floatBits;
    },
  },
  cluster: {
    title: 'cluster, 2^b centroids',
    quantize: ({ data }, bits) => quantizeToCentroids(data, layerCentroids(data, bits)),
    storedBits: (kernel, bits) => codes(kernel, bits) + floatBits * 2 ** bits,
  },
};

/** The names in `weightRemedies`, in their order. */
export const weightRemedyNames = Object.keys(weightRemedies) as WeightRemedyName[];

/** √12·rms(ŵ − w)/σ_w: the level spacing that an error is worth. */
export function effectiveSpacing(weights: Float32Array, quantized: Float32Array): number {
  const n = weights.length;
  const mean = weights.reduce((sum, w) => sum + w, 0) / n;
  let [error, variance] = [0, 0];
  weights.forEach((w, i) => {
    error += (quantized[i]! - w) ** 2;
    variance += (w - mean) ** 2;
  });
  return variance === 0 ? 0 : Math.sqrt((12 * error) / variance);
}
