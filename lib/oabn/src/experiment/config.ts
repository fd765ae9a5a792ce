/**
 * A run is its configuration: plain JSON that says everything the result depends on. Its canonical hash is the
 * run's name, and a configuration that builds on another run holds that run's configuration whole.
 */
import { check, UserError } from 'oabn-base';
import type { AugmentOptions } from '../data/index.js';
import { type Architecture, normalizeArchitecture } from '../model/index.js';
import {
  normalizeActivations,
  normalizeCluster,
  learningMethods,
  normalizeScheme,
  normalizeUniform,
  type PtqMethodName,
  ptqMethodTitle,
  type QuantizationScheme,
  type WeightMethod,
} from '../quantize/index.js';
import {
  annealings,
  checkDecay,
  mergeStatistics,
  type PretrainStepOptions,
  type QuantizerOptions,
  type Schedule,
  type StepOptions,
} from '../train/index.js';

export interface DataConfig {
  readonly name: string;
  /** Of the source's bytes: the same name with other images is another run. */
  readonly checksum: string;
  /** Images that accuracy is measured on: the first of a fixed class-balanced order; `null` is all. */
  readonly testImages: number | null;
  /** Where in that order they begin; default 0. Images that a search looked at are left to the search. */
  readonly firstTestImage?: number;
  /**
   * Measure accuracy on so many training images instead, which training leaves out: the last of their fixed
   * class-balanced order. What is chosen by such a run is not chosen on test images.
   */
  readonly heldOut?: number;
}

/** What pretraining and fine-tuning share. */
export interface TrainingConfig extends Omit<StepOptions, 'lossScale'> {
  /** Training images: the first of a fixed class-balanced order; `null` is all. */
  readonly images: number | null;
  readonly batchSize: number;
  readonly schedule: Schedule;
  /** Variation of the images: none, the dataset's usual one, or that with options. */
  readonly augment: boolean | AugmentOptions;
  readonly seed: number;
}

/** What pretraining alone has. */
export interface PretrainTraining extends TrainingConfig, Pick<PretrainStepOptions, 'decay' | 'ema'> {}

/** Training of a three-branch network from scratch. */
export interface PretrainConfig {
  readonly kind: 'pretrain';
  readonly data: DataConfig;
  readonly arch: Architecture;
  readonly training: PretrainTraining;
}

/** A network that comes from a file: a checkpoint from PyTorch, say. The file's bytes are its identity. */
export interface CheckpointSource {
  readonly kind: 'checkpoint';
  readonly sha256: string;
  readonly data: DataConfig;
  readonly arch: Architecture;
}

/** Where the merged network of a quantization run comes from. */
export type NetworkSource = PretrainConfig | CheckpointSource;

/** Post-training quantization of a pretrained, merged network. */
export interface PtqConfig {
  readonly kind: 'ptq';
  readonly source: NetworkSource;
  readonly scheme: QuantizationScheme;
  /** Default `minMax`, the paper's own. */
  readonly method?: PtqMethodName;
  /** Steps of the methods that learn, for each unit; default theirs. */
  readonly iterations?: number;
  /** Training images for calibration and reconstruction. */
  readonly calibrationImages: number;
}

/** Quantization-aware fine-tuning of a pretrained network, once merged: uniform QAT or ClusterQAT, by the scheme. */
export interface FinetuneConfig extends QuantizerOptions {
  readonly kind: 'finetune';
  readonly source: NetworkSource;
  readonly scheme: QuantizationScheme;
  readonly calibrationImages: number;
  readonly training: TrainingConfig;
}

export type RunConfig = PretrainConfig | PtqConfig | FinetuneConfig;

/** The configuration in its one canonical form. @throws UserError naming what is out of range. */
export function normalizeConfig<C extends RunConfig>(config: C): C {
  switch (config.kind) {
    case 'pretrain':
      return {
        ...config,
        data: normalizeData(config.data),
        arch: normalizeArchitecture(config.arch),
        training: normalizePretraining(config.training, config.arch),
      };
    case 'ptq':
      checkCalibration(config.calibrationImages);
      return normalizePtq(config) as C & PtqConfig;
    case 'finetune':
      checkCalibration(config.calibrationImages);
      return normalizeFinetune(config) as C & FinetuneConfig;
    default:
      throw new UserError(
        `Unknown kind of run: ${JSON.stringify((config satisfies never as RunConfig).kind)}`,
      );
  }
}

function normalizePtq({ method = 'minMax', iterations, ...config }: PtqConfig): PtqConfig {
  ptqMethodTitle(method); // throws for an unknown one
  return {
    ...config,
    source: normalizeSource(config.source),
    scheme: normalizeScheme(config.scheme),
    ...(method !== 'minMax' && { method }),
    ...(iterations !== undefined && learningMethods.has(method) && { iterations }),
  };
}

function normalizeFinetune(config: FinetuneConfig): FinetuneConfig {
  const { kind, source, scheme, calibrationImages, training } = config;
  return {
    kind,
    source: normalizeSource(source),
    scheme: normalizeScheme(scheme),
    calibrationImages,
    training: normalizeTraining(training),
    ...normalizeQuantizers(config, scheme.weights),
  };
}

/** Defaults left out, and what the kind of weights has no use for. */
function normalizeQuantizers(options: QuantizerOptions, weights: WeightMethod): QuantizerOptions {
  const {
    through = 'merged',
    statistics = 'running',
    cluster = {},
    uniform = {},
    activations = {},
  } = options;
  check(
    through === 'merged' || through === 'branches',
    `through must be "merged" or "branches", got ${JSON.stringify(through)}`,
  );
  check(
    mergeStatistics.includes(statistics),
    `statistics must be one of ${mergeStatistics.join(', ')}, got ${JSON.stringify(statistics)}`,
  );
  const ofWeights =
    weights === 'kmeans' ? { cluster: normalizeCluster(cluster) } : { uniform: normalizeUniform(uniform) };
  const members = { ...ofWeights, activations: normalizeActivations(activations) };
  return {
    ...(through === 'branches' && { through }),
    ...(through === 'branches' && statistics !== 'running' && { statistics }),
    ...Object.fromEntries(Object.entries(members).filter(([, member]) => Object.keys(member).length > 0)),
  };
}

function normalizeSource(source: NetworkSource): NetworkSource {
  return source.kind === 'pretrain'
    ? normalizeConfig(source)
    : { ...source, data: normalizeData(source.data), arch: normalizeArchitecture(source.arch) };
}

/** With held-out images, which test images there are makes no difference. */
function normalizeData(data: DataConfig): DataConfig {
  const { name, checksum, heldOut } = data;
  if (heldOut === undefined) return data;
  checkWhole('data.heldOut', heldOut);
  return { name, checksum, testImages: null, heldOut };
}

/** The data of a run's network. */
export function dataOf(config: RunConfig): DataConfig {
  return config.kind === 'pretrain' ? config.data : config.source.data;
}

/** How many of `available` training images a run trains on. @throws UserError when none are left */
export function trainingImages(config: RunConfig & { training: TrainingConfig }, available: number): number {
  const { heldOut = 0 } = dataOf(config);
  check(
    heldOut < available,
    () => `data.heldOut must be less than the ${available} training images, got ${heldOut}`,
  );
  return Math.min(available - heldOut, config.training.images ?? available);
}

/** s as the paper writes it; ∞ is plain BN. */
export function thresholdOf(arch: Architecture): number {
  return arch.oabn?.threshold ?? Infinity;
}

/** A run in a few words, such as «train s=2 seed 1» or «4-bit ClusterQAT, s=2 seed 1». */
export function describeConfig(config: RunConfig): string {
  const source = config.kind === 'pretrain' ? config : config.source;
  const s = thresholdOf(source.arch);
  const origin =
    source.kind === 'pretrain' ? `seed ${source.training.seed}` : `file ${source.sha256.slice(0, 8)}`;
  const plain = source.arch.block === 'qarepvgg' ? 'QARepVGG' : 'BN';
  const network = `${s === Infinity ? plain : `OABN s=${s}`} ${origin}`;
  switch (config.kind) {
    case 'pretrain':
      return `train ${network}`;
    case 'ptq':
      return `${config.scheme.bits}-bit ${config.scheme.weights} PTQ (${ptqMethodTitle(config.method)}), ${network}`;
    case 'finetune':
      return `${config.scheme.bits}-bit ${config.scheme.weights === 'uniform' ? 'uniform QAT' : 'ClusterQAT'}, ${network}`;
    default:
      return config satisfies never;
  }
}

/** Checked, with what is usual left out, so that runs from before an option keep their names. */
function normalizeTraining<T extends TrainingConfig>(training: T): T {
  checkTraining(training);
  const { annealing = 'cosine', ...schedule } = training.schedule;
  check(
    annealings.includes(annealing),
    `schedule.annealing must be one of ${annealings.join(', ')}, got ${JSON.stringify(annealing)}`,
  );
  return {
    ...training,
    schedule: { ...schedule, ...(annealing !== 'cosine' && { annealing }) },
    augment: normalizeAugment(training.augment),
  };
}

function normalizePretraining(training: PretrainTraining, arch: Architecture): PretrainTraining {
  const { decay = 'kernels', ema, ...shared } = training;
  checkDecay(decay, arch);
  check(
    ema === undefined || (ema.decay > 0 && ema.decay < 1),
    () => `ema.decay must be in (0, 1), got ${ema!.decay}`,
  );
  return {
    ...normalizeTraining(shared),
    ...(decay !== 'kernels' && { decay }),
    ...(ema && { ema: { decay: ema.decay } }),
  };
}

function normalizeAugment(augment: TrainingConfig['augment']): TrainingConfig['augment'] {
  if (typeof augment !== 'object') return augment;
  const { flip = 'random', translate, padding = 'black' } = augment;
  const oneOf = (name: string, value: string, known: readonly string[]): void =>
    check(
      known.includes(value),
      `augment.${name} must be one of ${known.join(', ')}, got ${JSON.stringify(value)}`,
    );
  oneOf('flip', flip, ['random', 'alternating']);
  oneOf('padding', padding, ['black', 'reflect']);
  check(
    translate === undefined || (Number.isInteger(translate) && translate >= 0),
    `augment.translate must be a whole number of pixels, got ${translate}`,
  );
  const options = {
    ...(flip !== 'random' && { flip }),
    ...(translate !== undefined && { translate }),
    ...(padding !== 'black' && { padding }),
  };
  return Object.keys(options).length > 0 ? options : true;
}

function checkWhole(name: string, value: number): void {
  check(Number.isInteger(value) && value > 0, `${name} must be a whole number > 0, got ${value}`);
}

function checkTraining(training: TrainingConfig): void {
  checkWhole('batchSize', training.batchSize);
  if (training.images !== null) checkWhole('images', training.images);
  checkWhole('epochs', training.schedule.epochs);
  check(
    training.momentum >= 0 && training.momentum < 1,
    `momentum must be in [0, 1), got ${training.momentum}`,
  );
  check(training.weightDecay >= 0, `weightDecay must be ≥ 0, got ${training.weightDecay}`);
  check(
    training.labelSmoothing >= 0 && training.labelSmoothing < 1,
    `labelSmoothing must be in [0, 1), got ${training.labelSmoothing}`,
  );
  check(Number.isInteger(training.seed), `seed must be a whole number, got ${training.seed}`);
}

function checkCalibration(images: number): void {
  check(
    Number.isInteger(images) && images > 0,
    `calibrationImages must be a whole number > 0, got ${images}`,
  );
}
