/** Tables 5 and 6 and figure 8: accuracy and state size by bits, s and method. */
import { finetuneConfig, pretrainConfig, ptqConfig } from 'oabn/experiment';
import type { WeightMethod } from 'oabn/quantize';
import { formatThreshold, type LowBitMethod, type LowBitPoint } from '../claims/index.js';
import { measured } from './measured.js';
import { checkNames } from './names.js';
import { networksOf, type Study } from './study.js';

/** The methods of Tables 5 and 6. */
export const lowBitMethods = ['ptq', 'uniformQat', 'clusterQat'] as const satisfies readonly LowBitMethod[];

/** Their names in tables. */
export const methodTitles: Readonly<Record<LowBitMethod, string>> = {
  ptq: 'uniform PTQ',
  uniformQat: 'uniform QAT',
  clusterQat: 'ClusterQAT',
};

const fineTunedWeights: Readonly<Record<Exclude<LowBitMethod, 'ptq'>, WeightMethod>> = {
  uniformQat: 'uniform',
  clusterQat: 'cluster',
};

/** A method at some bits on one network. */
export interface LowBitCell {
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** b of weights and activations. */
  readonly bits: number;
  /** How the weights reach low bits. */
  readonly method: LowBitMethod;
}

/** Which methods, networks and bits. */
export interface LowBitGrid {
  /** Default all three. */
  readonly methods?: readonly LowBitMethod[];
  /** Default the profile's, like those below. */
  readonly thresholds?: readonly number[];
  /** Default the profile's. */
  readonly seeds?: readonly number[];
  /** Default the profile's. */
  readonly bits?: readonly number[];
}

/**
 * Tables 5 and 6 and Figure 8: uniform PTQ, uniform QAT and ClusterQAT at few bits, with BN and OABN.
 * @throws UserError for a method that is none of them
 */
export function lowBitStudy({ methods = lowBitMethods, ...grid }: LowBitGrid = {}): Study<
  LowBitCell,
  LowBitPoint
> {
  checkNames('methods', methods, lowBitMethods);
  return {
    name: 'low bits',
    cells(profile) {
      const once = grid.thresholds ? [] : profile.curveThresholds;
      const { thresholds = profile.lowBitThresholds, seeds = profile.seeds, bits = profile.bits } = grid;
      return bits.flatMap((b) =>
        methods.flatMap((method) =>
          networksOf(seeds, thresholds, once).map((network) => ({ ...network, bits: b, method })),
        ),
      );
    },
    config({ threshold, seed, bits, method }, lab) {
      const source = pretrainConfig(lab, { threshold, seed });
      return method === 'ptq'
        ? ptqConfig(lab, { source, bits })
        : finetuneConfig(lab, { source, bits, weights: fineTunedWeights[method] });
    },
    row: (cell, result, network) => ({ ...cell, ...measured(result, network) }),
    entries({ threshold, seed, bits, method, accuracy, fp32 }) {
      const column = `s = ${formatThreshold(threshold)}`;
      return [
        { line: { bits: 32, method: '–' }, column, sample: seed, value: fp32 },
        { line: { bits, method: methodTitles[method] }, column, sample: seed, value: accuracy },
      ];
    },
  };
}
