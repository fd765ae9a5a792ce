/** Figure 7: accuracy after uniform per-layer PTQ, and in FP32, over the threshold s. */
import { pretrainConfig, ptqConfig } from 'oabn/experiment';
import { formatThreshold, type ThresholdPoint } from '../claims/index.js';
import { measured } from './measured.js';
import { networksOf, type Study } from './study.js';

/** A network with a value of s, quantized to a number of bits. */
export interface ThresholdCell {
  readonly threshold: number;
  readonly seed: number;
  readonly bits: number;
}

/** Which networks and bits. */
export interface ThresholdGrid {
  /** Default the profile's, like the others. */
  readonly thresholds?: readonly number[];
  readonly seeds?: readonly number[];
  readonly bits?: readonly number[];
}

/** Figure 7: accuracy over s, in FP32 and after uniform PTQ. */
export function thresholdStudy(grid: ThresholdGrid = {}): Study<ThresholdCell, ThresholdPoint> {
  return {
    name: 'accuracy over s',
    cells(profile) {
      const once = grid.thresholds ? [] : profile.curveThresholds;
      const { thresholds = profile.thresholds, seeds = profile.seeds, bits = profile.ptqBits } = grid;
      return bits.flatMap((b) =>
        networksOf(seeds, thresholds, once).map((network) => ({ ...network, bits: b })),
      );
    },
    config: ({ threshold, seed, bits }, lab) =>
      ptqConfig(lab, { source: pretrainConfig(lab, { threshold, seed }), bits }),
    row: (cell, result, network) => ({ ...cell, ...measured(result, network) }),
    entries: ({ threshold, seed, bits, accuracy, fp32 }) => {
      const line = { s: formatThreshold(threshold) };
      return [
        { line, column: 'FP32', sample: seed, value: fp32 },
        { line, column: `INT${bits}`, sample: seed, value: accuracy },
      ];
    },
  };
}
