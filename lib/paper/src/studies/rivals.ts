/**
 * Rivals of OABN and of ClusterQAT, each from its own paper, on the same networks: what is done in
 * pretraining so that the merged weights are easy to quantize, and what is done in fine-tuning with the
 * weights as they are. A rival of your own is a cell.
 */
import {
  type FinetuneChanges,
  finetuneConfig,
  type PretrainChanges,
  type PretrainConfig,
  pretrainConfig,
  ptqConfig,
} from 'oabn/experiment';
import { apot, dkm, type WeightMethod } from 'oabn/quantize';
import { mergedPenalty } from 'oabn/train';
import type { QuantizedPoint } from '../claims/index.js';
import type { PaperLab } from '../profiles/index.js';
import { measured } from './measured.js';
import { checkNames } from './names.js';
import type { QuantizedConfig, Study } from './study.js';
import { rounded } from './table.js';

/** A way to pretrain: what it changes in the profile's. */
export interface PretrainingRival {
  readonly source: string;
  /** Default plain BN; `profile` is the s of the profile's ablations. */
  readonly threshold?: 'profile' | number;
  readonly oabn?: PretrainChanges['oabn'];
  readonly training?: PretrainChanges['training'];
  /** Default the profile's three branches. */
  readonly arch?: Pick<PretrainConfig['arch'], 'block' | 'branches'>;
}

/** A way to quantize: after training, or while the network is fine-tuned. */
export interface QuantizationRival {
  readonly source: string;
  readonly weights: WeightMethod;
  /** Absent: quantized after training. */
  readonly changes?: FinetuneChanges;
}

/** Ways to pretrain, by name. */
export const pretrainingRivals: Readonly<Record<string, PretrainingRival>> = {
  'BN, decay of the kernels': { source: '2101.03697', training: { decay: 'kernels' } },
  'BN, decay of kernels and γ': { source: "RepVGG's code", training: { decay: 'kernelsAndIdentity' } },
  OABN: { source: '2402.07200', threshold: 'profile' },
  'OABN, straight through': {
    source: 'ours',
    threshold: 'profile',
    oabn: { gradient: 'straightThrough' },
  },
  'KURE on the branches': {
    source: '2002.07686',
    training: { regularizer: { penalty: 'kure', strength: 0.1 } },
  },
  'KURE on the merged kernels': {
    source: '2002.07686',
    training: { regularizer: mergedPenalty('kure') },
  },
  'R² on the branches': {
    source: '2303.08253',
    training: { regularizer: { penalty: 'range', strength: 0.05 } },
  },
  'R² on the merged kernels': {
    source: '2303.08253',
    training: { regularizer: mergedPenalty('range') },
  },
  QARepVGG: { source: '2212.01593', arch: { block: 'qarepvgg' } },
  'One 3×3 convolution': { source: '1409.1556', arch: { branches: ['3x3'] } },
  'One 3×3 convolution, RepOptimizer': {
    source: '2205.15242',
    arch: { branches: ['3x3'] },
    training: { optimizer: 'repOptimizer' },
  },
};

/** Ways to quantize, by name. */
export const quantizationRivals: Readonly<Record<string, QuantizationRival>> = {
  'uniform PTQ': { source: '2402.07200', weights: 'uniform' },
  'k-means PTQ': { source: '1510.00149', weights: 'cluster' },
  'uniform QAT': { source: '2402.07200', weights: 'uniform', changes: {} },
  'uniform QAT, BN restored': {
    source: "RepVGG's code",
    weights: 'uniform',
    changes: { through: 'restored' },
  },
  LSQ: { source: '1902.08153', weights: 'uniform', changes: { uniform: { step: 'lsq' } } },
  'LSQ, weights and activations': {
    source: '1902.08153',
    weights: 'uniform',
    changes: { uniform: { step: 'lsq' }, activations: { range: 'learned' } },
  },
  APoT: { source: '1909.13144', weights: 'cluster', changes: { quantizer: apot() } },
  DKM: { source: '2108.12659', weights: 'cluster', changes: { quantizer: dkm() } },
  ClusterQAT: { source: '2402.07200', weights: 'cluster', changes: {} },
  'ClusterQAT, learned ranges': {
    source: 'ours',
    weights: 'cluster',
    changes: { activations: { range: 'learned' } },
  },
};

/** A way to pretrain with a way to quantize. */
export interface RivalCell {
  /** Names in `pretrainingRivals` and in `quantizationRivals`. */
  readonly pretraining: string;
  readonly quantization: string;
  /** The s of OABN, where it is the profile's. */
  readonly threshold: number;
  readonly seed: number;
  readonly bits: number;
}

/** The accuracy and the size that a cell gives. */
export interface RivalPoint extends RivalCell, QuantizedPoint {
  /**
   * Bytes of the packed quantized weights: b bits each, and for each layer a scale, or a codebook of 2^b
   * values, of 4 bytes each.
   */
  readonly bytes: number;
}

/** What is compared: ways to pretrain, or ways to fine-tune. */
export type RivalRound = 'pretraining' | 'fine-tuning';

/** Which rounds of the comparison, on which networks and bits. */
export interface RivalGrid {
  /**
   * The rounds of the comparison; default both: ways to pretrain × a few quantizers, and ways to fine-tune ×
   * BN and OABN.
   */
  readonly rounds?: readonly RivalRound[];
  /** Of these pairs only those of some ways to pretrain, names in `pretrainingRivals`. */
  readonly pretraining?: readonly string[];
  /** Of these pairs only those of some ways to quantize, names in `quantizationRivals`. */
  readonly quantization?: readonly string[];
  /** Default the profile's bits up to 4; the members below default to the profile's, too. */
  readonly bits?: readonly number[];
  readonly seeds?: readonly number[];
  /** The s of OABN. */
  readonly threshold?: number;
}

/** How ways to pretrain are judged: without fine-tuning, and with the paper's two methods. */
export const pretrainingJudges = ['uniform PTQ', 'uniform QAT', 'ClusterQAT'];
/** The networks that ways to fine-tune are judged on. */
export const finetuningGrounds = ['BN, decay of kernels and γ', 'OABN'];

/**
 * OABN and ClusterQAT compared with their rivals: ways to pretrain, and ways to quantize.
 * @throws UserError for a way that there is not
 */
export function rivalStudy({
  rounds = ['pretraining', 'fine-tuning'],
  pretraining: pretrainings = Object.keys(pretrainingRivals),
  quantization: quantizations = Object.keys(quantizationRivals),
  ...grid
}: RivalGrid = {}): Study<RivalCell, RivalPoint> {
  checkNames('pretraining', pretrainings, Object.keys(pretrainingRivals));
  checkNames('quantization', quantizations, Object.keys(quantizationRivals));
  return {
    name: 'rivals',
    cells({ ablation, bits: all }) {
      const { bits, seeds, threshold } = { ...ablation, bits: all.filter((b) => b <= 4), ...grid };
      const pairs = [
        ...(rounds.includes('pretraining') ? product(Object.keys(pretrainingRivals), pretrainingJudges) : []),
        ...(rounds.includes('fine-tuning')
          ? product(finetuningGrounds, Object.keys(quantizationRivals))
          : []),
      ];
      const distinct = [...new Map(pairs.map((pair) => [pair.join(), pair])).values()].filter(
        ([pretraining, quantization]) =>
          pretrainings.includes(pretraining) && quantizations.includes(quantization),
      );
      return bits.flatMap((b) =>
        distinct.flatMap(([pretraining, quantization]) =>
          seeds.map((seed) => ({ pretraining, quantization, threshold, seed, bits: b })),
        ),
      );
    },
    config({ quantization, bits, ...network }, lab): QuantizedConfig {
      const source = rivalNetwork(lab, network);
      const { weights, changes } = quantizationRivals[quantization]!;
      return changes
        ? finetuneConfig(lab, { source, bits, weights, ...changes })
        : ptqConfig(lab, { source, bits, weights });
    },
    row: (cell, result, network) => ({
      ...cell,
      ...measured(result, network),
      bytes: storedBytes(network.outliers, cell.bits, quantizationRivals[cell.quantization]!.weights),
    }),
    entries({ pretraining, quantization, seed: sample, bits, accuracy, fp32, stateSize }) {
      const line = { pretraining, quantization };
      return [
        { line, column: 'FP32', sample, value: fp32 },
        { line, column: `${bits} bits`, sample, value: accuracy },
        { line, column: `states at ${bits} bits`, sample, value: stateSize, format: rounded, last: true },
      ];
    },
  };
}

/** The configuration of a network that is pretrained in one of the ways. */
export function rivalNetwork(
  lab: PaperLab,
  { pretraining, threshold, seed }: Pick<RivalCell, 'pretraining' | 'threshold' | 'seed'>,
): PretrainConfig {
  const rival = pretrainingRivals[pretraining]!;
  return pretrainConfig(lab, {
    seed,
    threshold: rival.threshold === 'profile' ? threshold : (rival.threshold ?? Infinity),
    ...(rival.arch && { arch: { ...lab.defaults.arch, ...rival.arch } }),
    ...(rival.oabn && { oabn: rival.oabn }),
    ...(rival.training && { training: rival.training }),
  });
}

const product = (a: readonly string[], b: readonly string[]): [string, string][] =>
  a.flatMap((x) => b.map((y): [string, string] => [x, y]));

/**
 * Bytes of the quantized layers at `bits` bits per weight, with the scales or codebooks that give their
 * values.
 */
function storedBytes(
  layers: readonly { readonly weights: number }[],
  bits: number,
  method: WeightMethod,
): number {
  const values = method === 'uniform' ? 1 : 2 ** bits;
  return layers.reduce((sum, { weights }) => sum + Math.ceil((weights * bits) / 8) + 4 * values, 0);
}
