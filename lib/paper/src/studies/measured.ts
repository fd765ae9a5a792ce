/** What every row about a quantized network records about its measurement. */
import type { PretrainResult, QuantizedResult } from 'oabn/experiment';
import type { QuantizedPoint } from '../claims/index.js';

export type MeasuredAccuracy = Pick<
  QuantizedPoint,
  'accuracy' | 'fp32' | 'images' | 'stateSize' | 'right' | 'fp32Right'
>;

/** The accuracy of a quantized network, and that of the `network` that was quantized. */
export function measured(
  { accuracy, images, stateSize, right }: QuantizedResult,
  { accuracy: fp32, right: fp32Right }: PretrainResult,
): MeasuredAccuracy {
  return {
    ...{ accuracy, fp32, images, stateSize },
    ...(right !== undefined && { right }),
    ...(fp32Right !== undefined && { fp32Right }),
  };
}

/** The share of the accuracy above chance that is kept. */
export function keptOf(accuracy: number, fp32: number, classes: number): number {
  return (accuracy - 1 / classes) / (fp32 - 1 / classes);
}
