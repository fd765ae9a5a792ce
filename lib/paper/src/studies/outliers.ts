/**
 * What makes the outliers: the same network under several rules of weight decay, lengths of training and
 * widths, and after every epoch how far its merged weights reach, how large the identity's ratio is, and what
 * enters the identity branch.
 */
import {
  type ObservedEpoch,
  pretrainConfig,
  type PretrainResult,
  type PtqConfig,
  ptqConfig,
} from 'oabn/experiment';
import { type OutlierSummary, summarizeRows } from 'oabn/merge';
import type { Architecture } from 'oabn/model';
import type { DecayPolicy } from 'oabn/train';
import type { QuantizedPoint } from '../claims/index.js';
import { formatThreshold } from '../claims/index.js';
import { measured } from './measured.js';
import type { Study } from './study.js';

/** The rules of decay, as tables name them. The official one is RepVGG's own. */
export const decayTitles: Readonly<Record<DecayPolicy, string>> = {
  kernels: 'kernels',
  kernelsAndIdentity: "kernels and identity's γ (official)",
  all: "all parameters (PyTorch's default)",
  repvggCustom: 'custom L2 (RepVGG)',
};

/** A network and how it was trained, quantized to a number of bits. */
export interface OutlierCell {
  /** What weight decay acts on. */
  readonly decay: DecayPolicy;
  /** The length of training. */
  readonly epochs: number;
  /** Factor of the profile's widths. */
  readonly width: number;
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** b of weights and activations. */
  readonly bits: number;
}

/** The accuracy of such a network, and its outliers as they grew. */
export interface OutlierPoint extends OutlierCell, QuantizedPoint {
  /** After each epoch. */
  readonly trace: readonly ObservedEpoch<OutlierSummary>[];
}

/** Which networks and bits. */
export interface OutlierGrid {
  /** Default all four rules. */
  readonly decays?: readonly DecayPolicy[];
  /** Default the profile's, like those below. */
  readonly epochs?: readonly number[];
  /** Default the profile's. */
  readonly widths?: readonly number[];
  /** Default the profile's. */
  readonly thresholds?: readonly number[];
  /** Default the profile's. */
  readonly seeds?: readonly number[];
  /** Default the profile's. */
  readonly bits?: readonly number[];
}

/** How outliers grow while a network is trained, by weight decay, epochs, width and s. */
export function outlierStudy({
  decays = Object.keys(decayTitles) as DecayPolicy[],
  ...grid
}: OutlierGrid = {}): Study<OutlierCell, OutlierPoint, PtqConfig> {
  return {
    name: 'what makes the outliers',
    cells({ outliers, ptqBits }) {
      const { epochs, widths, thresholds, seeds, bits } = { bits: ptqBits, ...outliers, ...grid };
      const networks = decays.flatMap((decay) =>
        epochs.flatMap((length) =>
          widths.flatMap((width) =>
            thresholds.flatMap((threshold) =>
              seeds.map((seed) => ({ decay, epochs: length, width, threshold, seed })),
            ),
          ),
        ),
      );
      return networks.flatMap((network) => bits.map((b) => ({ ...network, bits: b })));
    },
    config({ decay, epochs, width, threshold, seed, bits }, lab) {
      const { arch, pretraining } = lab.defaults;
      const schedule = { ...pretraining.schedule, epochs };
      const source = pretrainConfig(lab, {
        ...{ threshold, seed, arch: widened(arch, width) },
        training: { decay, schedule },
      });
      return ptqConfig(lab, { source, bits });
    },
    row: (cell, result, network) => ({ ...cell, ...measured(result, network), trace: traceOf(network) }),
    entries(point) {
      const { seed: sample, bits, accuracy, fp32, trace } = point;
      const line = outlierHeads(point);
      const last = trace.at(-1);
      const number = (column: string, value: number | undefined, format: (mean: number) => string) =>
        value === undefined
          ? []
          : [{ line, column, sample, value, format: ({ mean }: { mean: number }) => format(mean) }];
      return [
        { line, column: 'FP32', sample, value: fp32 },
        ...number('mean max|w|/σ', last?.meanPeakToSigma, (mean) => mean.toFixed(1)),
        ...number('largest |r0|', last?.maxRatio, (mean) => mean.toFixed(2)),
        ...number("σ of the identity's input", last?.inputDeviation, (mean) => mean.toFixed(2)),
        ...number('clipped', last?.clipped, (mean) => `${(100 * mean).toFixed(0)}%`),
        ...number('dead', last?.dead, (mean) => `${(100 * mean).toFixed(0)}%`),
        { line, column: `${bits} bits`, sample, value: accuracy },
      ];
    },
  };
}

/**
 * The epochs of a network. Results from before epochs were observed have the outliers of the merged weights at
 * the end of training, so that at least the last epoch has what these tell.
 */
function traceOf({ epochs, outliers }: PretrainResult): OutlierPoint['trace'] {
  const last = epochs.at(-1);
  if (!last || last.meanPeakToSigma !== undefined) return epochs;
  return [...epochs.slice(0, -1), { ...last, ...summarizeRows(outliers) }];
}

/** The network of a cell, as the headings of its row. */
export function outlierHeads({ decay, epochs, width, threshold }: OutlierCell) {
  return { 'decay of': decayTitles[decay], epochs, width, s: formatThreshold(threshold) };
}

/** All widths times `factor`, rounded to whole channels; the classifier follows. */
function widened(arch: Architecture, factor: number): Architecture {
  return { ...arch, widths: arch.widths.map((width) => Math.max(1, Math.round(width * factor))) };
}
