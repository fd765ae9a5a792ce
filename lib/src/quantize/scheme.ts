/** How a merged network is quantized, as plain JSON: part of a run's configuration and of a checkpoint's metadata. */
import { check } from '../base/index.js';
import { checkBits } from './uniform.js';

/** `uniform`: figure 5's symmetric levels. `kmeans`: 2^b centroids a layer, found by 1-D k-means. */
export const weightMethods = ['uniform', 'kmeans'] as const;
export type WeightMethod = (typeof weightMethods)[number];

export interface QuantizationScheme {
  /** b of weights and activations, 2 to 8. */
  readonly bits: number;
  readonly weights: WeightMethod;
  /** b of the activations where it differs from `bits`; `null` leaves them in FP32. */
  readonly activationBits?: number | null;
}

/** @throws UserError naming what is out of range. */
export function checkScheme(scheme: QuantizationScheme): QuantizationScheme {
  checkBits(scheme.bits);
  if (typeof scheme.activationBits === 'number') checkBits(scheme.activationBits);
  check(
    weightMethods.includes(scheme.weights),
    `weights must be one of ${weightMethods.join(', ')}, got ${JSON.stringify(scheme.weights)}`,
  );
  return scheme;
}

/** The bits of the activations, or undefined where they stay in FP32. */
export function activationBitsOf({ bits, activationBits }: QuantizationScheme): number | undefined {
  return activationBits === null ? undefined : (activationBits ?? bits);
}
