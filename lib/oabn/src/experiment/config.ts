/**
 * A run is its configuration: plain JSON that says everything the result depends on. Its canonical hash is the
 * run's name, and a configuration that builds on another run holds that run's configuration whole.
 */
import { check, UserError } from 'oabn-base';
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
import { mergeStatistics, type QuantizerOptions, type Schedule, type StepOptions } from '../train/index.js';

export interface DataConfig {
  readonly name: string;
  /** Of the source's bytes: the same name with other images is another run. */
  readonly checksum: string;
  /** Images that accuracy is measured on: the first of a fixed class-balanced order; `null` is all. */
  readonly testImages: number | null;
  /** Where in that order they begin; default 0. Images that a search looked at are left to the search. */
  readonly firstTestImage?: number;
}

/** What pretraining and fine-tuning share. */
export interface TrainingConfig extends Omit<StepOptions, 'lossScale'> {
  /** Training images: the first of a fixed class-balanced order; `null` is all. */
  readonly images: number | null;
  readonly batchSize: number;
  readonly schedule: Schedule;
  readonly augment: boolean;
  readonly seed: number;
}

/** Training of a three-branch network from scratch. */
export interface PretrainConfig {
  readonly kind: 'pretrain';
  readonly data: DataConfig;
  readonly arch: Architecture;
  readonly training: TrainingConfig;
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
        arch: normalizeArchitecture(config.arch),
        training: checkTraining(config.training),
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
    training: checkTraining(training),
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
    : { ...source, arch: normalizeArchitecture(source.arch) };
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

function checkTraining(training: TrainingConfig): TrainingConfig {
  const whole = (name: string, value: number): void =>
    check(Number.isInteger(value) && value > 0, `${name} must be a whole number > 0, got ${value}`);
  whole('batchSize', training.batchSize);
  if (training.images !== null) whole('images', training.images);
  whole('epochs', training.schedule.epochs);
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
  return training;
}

function checkCalibration(images: number): void {
  check(
    Number.isInteger(images) && images > 0,
    `calibrationImages must be a whole number > 0, got ${images}`,
  );
}
