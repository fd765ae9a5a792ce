/** Configurations made for a lab: its defaults, and what differs from them. */
import { type Architecture, normalizeArchitecture, type Oabn } from '../model/index.js';
import type { QuantizationScheme, WeightMethod } from '../quantize/index.js';
import type { Regularizer } from '../train/index.js';
import {
  type AnnealConfig,
  type AnnealTraining,
  type FinetuneConfig,
  type FinetuneQuantizers,
  type NetworkSource,
  type PretrainConfig,
  type PtqConfig,
} from './kinds/index.js';
import { sourceSeed } from './kinds/source.js';
import type { Lab } from './lab.js';
import type { PretrainTraining, TrainingConfig } from './settings.js';

/** What a configuration is made for: the data and the defaults of a lab. */
export type ConfigLab = Pick<Lab, 'data' | 'defaults'>;

/** What a pretraining run has of its own; everything else is the lab's. */
export interface PretrainChanges {
  /** s of OABN; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the initial weights and of the order and augmentation of images. */
  readonly seed: number;
  /** The network without OABN; default the lab's. */
  readonly arch?: Architecture;
  /** Options of OABN besides its threshold. */
  readonly oabn?: Omit<Oabn, 'threshold'>;
  /** Training settings that differ from the lab's. */
  readonly training?: Partial<PretrainTraining>;
}

/** The configuration of pretraining with OABN of threshold s, or with plain BN. */
export function pretrainConfig(
  { data, defaults }: ConfigLab,
  { threshold, seed, arch = defaults.arch, oabn, training }: PretrainChanges,
): PretrainConfig {
  return {
    kind: 'pretrain',
    data,
    arch: withThreshold(arch, threshold, oabn),
    training: { ...defaults.pretraining, seed, ...training },
  };
}

/** What a run of quantization after training has of its own; everything else is the lab's. */
export interface PtqChanges extends Pick<PtqConfig, 'method' | 'iterations'> {
  /** The network; it is merged first. */
  readonly source: NetworkSource;
  /** b of weights and activations, 2 to 8. */
  readonly bits: number;
  /** Default `uniform`. */
  readonly weights?: WeightMethod;
  /** Members of the scheme besides bits and weights. */
  readonly scheme?: SchemeChanges;
}

/** Members of a scheme besides its bits and its kind of weights. */
export type SchemeChanges = Partial<Omit<QuantizationScheme, 'bits' | 'weights'>>;

/** The configuration of post-training quantization of `source` to `bits` bits. */
export function ptqConfig(
  { defaults: { calibrationImages } }: ConfigLab,
  { source, bits, weights = 'uniform', scheme, ...method }: PtqChanges,
): PtqConfig {
  return { kind: 'ptq', source, scheme: { bits, weights, ...scheme }, calibrationImages, ...method };
}

/**
 * What an ablation changes of a fine-tuning run: single training settings, members of the scheme, quantizers.
 */
export interface FinetuneChanges extends FinetuneQuantizers {
  /** Training settings that differ from the lab's. */
  readonly training?: Partial<TrainingConfig>;
  /** Members of the scheme besides bits and weights. */
  readonly scheme?: SchemeChanges;
}

/** What a fine-tuning run has of its own; everything else is the lab's. */
export interface FinetuneOf extends FinetuneChanges {
  /** The network; it is merged first, unless it is trained through its branches. */
  readonly source: NetworkSource;
  /** b of weights and activations, 2 to 8. */
  readonly bits: number;
  /** `uniform` QAT, or `cluster` for ClusterQAT. */
  readonly weights: WeightMethod;
}

/** The configuration of quantization-aware fine-tuning of `source` to `bits` bits. */
export function finetuneConfig(
  { defaults: { calibrationImages, finetuning } }: ConfigLab,
  { source, bits, weights, training, scheme, ...quantizers }: FinetuneOf,
): FinetuneConfig {
  return {
    kind: 'finetune',
    source,
    calibrationImages,
    ...quantizers,
    scheme: { bits, weights, ...scheme },
    training: { ...finetuning[weights], seed: sourceSeed(source), ...training },
  };
}

/** What an annealing run has of its own; everything else is the lab's. */
export interface AnnealOf {
  /** A three-branch network, or a merged one. */
  readonly source: NetworkSource;
  /** OABN's s at the end; absent where it stays as it is. */
  readonly threshold?: number;
  /** A penalty on the kernels, such as KURE on the merged ones; default none. */
  readonly regularizer?: Regularizer;
  /** Default the merged weights with a penalty on merged kernels alone, else the branches. */
  readonly through?: AnnealConfig['through'];
  /** Whether the channels of the merged weights are equalized first, and gradients clipped; default false. */
  readonly equalize?: boolean;
  /** Training settings that differ from the usual ones. */
  readonly training?: Partial<Omit<AnnealTraining, 'regularizer'>>;
  /** Default all epochs but the last. */
  readonly annealEpochs?: number;
}

/**
 * The norm that gradients are clipped at after equalization, which alone is not enough. In a RepVGG-A0 of CIFAR-10 it
 * takes the largest max|w|/σ from 373 to 42. Then KURE at a rate of 0.01 gives NaN after four steps; clipped at 10 it
 * takes the network to chance in 16, and clipped at 1 it takes outliers away and keeps the accuracy.
 */
const equalizedGradientNorm = 1;

/**
 * A network trained on for three epochs at a tenth of pretraining's rate: with s annealed to `threshold`, two
 * of the epochs falling, with a penalty on its kernels, or with both. With a penalty on merged kernels alone,
 * the merged weights are trained, unless `through` says «branches».
 *
 *     annealConfig(lab, { source, regularizer: annealingPenalty('kure') });
 */
export function annealConfig(
  { defaults: { pretraining } }: ConfigLab,
  { source, threshold, regularizer, through, equalize = false, training, annealEpochs }: AnnealOf,
): AnnealConfig {
  const {
    decay: _decay,
    ema: _ema,
    regularizer: _regularizer,
    optimizer: _optimizer,
    ...shared
  } = pretraining;
  const schedule = {
    ...shared.schedule,
    learningRate: shared.schedule.learningRate / 10,
    epochs: 3,
    warmupEpochs: 0,
  };
  const recipe = { ...shared, schedule, seed: sourceSeed(source), ...training };
  const falling = annealEpochs ?? Math.max(1, recipe.schedule.epochs - 1);
  const isOfMerged = threshold === undefined && regularizer?.on === 'merged';
  return {
    kind: 'anneal',
    source,
    through: through ?? (isOfMerged ? 'merged' : 'branches'),
    equalize,
    ...(threshold !== undefined && { threshold, annealEpochs: falling }),
    training: {
      ...(equalize && { maxGradientNorm: equalizedGradientNorm }),
      ...recipe,
      ...(regularizer && { regularizer }),
    },
  };
}

/** A network with OABN of threshold s on its identity branches; Infinity is plain BN. */
export function withThreshold(
  arch: Architecture,
  threshold: number,
  options: Omit<Oabn, 'threshold'> = {},
): Architecture {
  return normalizeArchitecture({ ...arch, oabn: { threshold, ...options } });
}
