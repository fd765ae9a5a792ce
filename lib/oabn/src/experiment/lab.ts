/**
 * A lab is where runs happen: a profile's settings, the data, the store of runs, and the functions compiled so far.
 * It is opened once in a notebook or a command and handed to everything that runs.
 */
import { join } from 'node:path';
import {
  compileEngine,
  type CompileEngine,
  eagerByDefault,
  type Precision,
  precisionByDefault,
  useBackend,
} from 'tfjs-native';
import { fileDigest, type Progress, projectFolder, silent } from 'oabn-base';
import { type Dataset, type DatasetName, openDatasets } from '../data/index.js';
import { type Architecture, loadNetwork, type Oabn } from '../model/index.js';
import { compiledCache, type CompiledCache } from './compiledCache.js';
import type {
  CheckpointSource,
  DataConfig,
  FinetuneConfig,
  PretrainConfig,
  PretrainTraining,
  PtqConfig,
  RunConfig,
  TrainingConfig,
} from './config.js';
import type { QuantizerOptions } from '../train/index.js';
import { onImagenet, type Profile, profileNamed, withThreshold } from './profiles.js';
import { openStore, type RunContext, type RunProvenance, type Store, type StoredRun } from 'provable-runs';

export interface LabOptions {
  /** A profile or its name; default `OABN_PROFILE` or `quick`. */
  readonly profile?: Profile | string;
  /** The dataset's name; default the profile's. */
  readonly dataset?: DatasetName;
  /** The folder with the data; default `OABN_DATA_DIR`. */
  readonly data?: string;
  /** The folder of the runs; default `runsFolder()`. */
  readonly runs?: string;
  /**
   * Whether results that ship with the project answer for runs whose networks are not needed; default true, unless
   * `OABN_SHIPPED=0`. They are of the same configuration and the same images, or they are not used.
   */
  readonly shipped?: boolean;
  /** Where progress goes; default nowhere. */
  readonly progress?: Progress;
  /** Run operation by operation in tfjs instead of compiling; default: if `OABN_EAGER` is 1. */
  readonly eager?: boolean;
  /**
   * How exact products and convolutions are, on a GPU that has a choice; default `OABN_PRECISION`, or float32.
   *
   * It is part of a run's provenance and not of its configuration, as the backend is. A configuration says what is to be
   * learned, not on what: its hash is the same on every machine, so that a run that was made on another one answers.
   * Precision, like another engine's order of sums, changes how products round and nothing that the experiment is about
   * (products of half precision with sums of single precision: arXiv 1710.03740, section 3.3); the provenance tells the
   * two apart where the difference is the question.
   */
  readonly precision?: Precision;
  readonly signal?: AbortSignal;
  /** Hears what a reader must know, such as that made data is used; default standard error. */
  readonly notice?: (message: string) => void;
}

export interface Lab {
  readonly profile: Profile;
  readonly data: DataConfig;
  readonly train: Dataset;
  readonly test: Dataset;
  readonly store: Store;
  /** SHA-256 → path of the checkpoints from elsewhere that were opened here. */
  readonly checkpoints: Map<string, string>;
  /** A run from the store, or executed. `files`: its files are needed, so a shipped result will not do. */
  request<R>(
    config: RunConfig,
    execute: (context: RunContext) => Promise<R>,
    options?: { files?: boolean },
  ): Promise<StoredRun<R>>;
  /** Steps and networks compiled so far. */
  readonly compiled: CompiledCache;
  /** The tfjs backend, and what compiled functions run on. */
  readonly backend: string;
  readonly engine: CompileEngine;
  /** How another process opens the same lab. */
  readonly recipe: LabRecipe;
  /** Ends what runs in it, between two steps. */
  readonly signal?: AbortSignal;
}

/** How a lab was opened, without what belongs to one process. */
export type LabRecipe = Omit<LabOptions, 'progress' | 'signal' | 'notice'>;

/** Opens the data and the store. @throws UserError when the data is broken; says so when it falls back to made data. */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const { progress = silent, signal } = options;
  const { eager = eagerByDefault(), precision = precisionByDefault() } = options;
  const profile = resolveProfile(options.profile);
  const { notice = (message: string) => process.stderr.write(`${message}\n`) } = options;
  const backend = await useBackend(undefined, notice);
  const { train, test } = await openDatasets({
    name: options.dataset ?? profile.data.name,
    progress,
    warn: notice,
    standIn: true,
    ...(options.data !== undefined && { data: options.data }),
  });
  const shipped = options.shipped ?? process.env.OABN_SHIPPED !== '0';
  const store = openStore(options.runs ?? runsFolder(), {
    notice,
    ...(shipped && { shipped: shippedFolder() }),
  });
  let saidShipped = false;
  const engine: CompileEngine = eager
    ? { kind: 'eager', reason: 'as asked' }
    : await compileEngine(precision);
  const provenance = {
    dataset: train.provenance,
    backend: engineName(backend.name, engine),
    device: backend.device,
  };
  return {
    profile: { ...profile, arch: { ...profile.arch, classes: train.classes.length } },
    data: { name: train.name, checksum: train.provenance.checksum, testImages: profile.data.testImages },
    train,
    test,
    store,
    checkpoints: new Map(),
    async request<R>(
      config: RunConfig,
      execute: (context: RunContext) => Promise<R>,
      { files = false } = {},
    ) {
      const answer = await store.request(config, execute, {
        shipped: !files,
        progress,
        provenance: { ...provenance, ...seedOf(config) },
        ...(signal && { signal }),
      });
      if (answer.from === 'shipped' && !saidShipped) {
        saidShipped = true;
        notice(shippedNotice(answer.provenance));
      }
      return answer as StoredRun<R>;
    },
    compiled: compiledCache({ eager, precision, warn: notice }),
    backend: backend.name,
    engine,
    recipe: recipeOf(options, profile),
    ...(signal && { signal }),
  };
}

function recipeOf(
  { progress: _, signal: __, notice: ___, ...rest }: LabOptions,
  profile: Profile,
): LabRecipe {
  return { ...rest, profile };
}

/** The two sides of the article's experiments. */
export interface Labs {
  readonly cifar: Lab;
  readonly imagenet: Lab;
}

/** A profile's lab and that of its ImageNet side, where made images stand in for what is not there, and say so. */
export async function openLabs(options: Omit<LabOptions, 'dataset'> = {}): Promise<Labs> {
  const cifar = await openLab(options);
  return { cifar, imagenet: await openImagenetLab(options) };
}

/** The lab of ImageNet's side of a profile. */
export async function openImagenetLab(options: Omit<LabOptions, 'dataset'> = {}): Promise<Lab> {
  return await openLab({ ...options, profile: onImagenet(resolveProfile(options.profile)) });
}

/** A profile by name, or itself; default `OABN_PROFILE` or `quick`. */
export function resolveProfile(named: Profile | string = process.env.OABN_PROFILE || 'quick'): Profile {
  return typeof named === 'string' ? profileNamed(named) : named;
}

/** `OABN_RUNS_DIR`, or `runs` in the project's folder: the same for a command and for a notebook in a folder below. */
export function runsFolder(): string {
  return process.env.OABN_RUNS_DIR || join(projectFolder(), 'runs');
}

/** Said once: that numbers come from the project's own runs, and how to have them computed. */
const shippedNotice = ({ finishedAt, backend, machine }: RunProvenance): string =>
  `Results that ship with the project answer where no network is needed (${finishedAt?.slice(0, 10) ?? ''}, ${backend ?? ''} on ` +
  `${machine.cores} cores of ${machine.cpu}); with OABN_SHIPPED=0 all of them are computed here.`;

/** Where the results are that ship with the project. */
export function shippedFolder(): string {
  return join(projectFolder(), 'data', 'results', 'runs');
}

function seedOf(config: RunConfig): { seed?: number } {
  return 'training' in config ? { seed: config.training.seed } : {};
}

/**
 * What runs the steps, for their provenance: the tfjs backend, or the native engine that they are compiled for with the
 * precision that it computes in where that is not float32, as in «webgpu, compiled, float16».
 */
export function engineName(backend: string, engine: CompileEngine): string {
  switch (engine.kind) {
    case 'onnxruntime':
      return `onnxruntime ${engine.version}, compiled`;
    case 'webgpu':
      return `${backend}, compiled${engine.precision === 'float32' ? '' : `, ${engine.precision}`}`;
    case 'eager':
      return `${backend}, eager`;
    default:
      return engine satisfies never;
  }
}

/** What figures and tables say of the runs behind them: data, scale and seeds, and that data are made when they are. */
export function describeLab({ profile, train }: Pick<Lab, 'profile' | 'train'>): string {
  const { dataset, note } = train.provenance;
  const images = Math.min(train.size, profile.pretraining.images ?? train.size);
  const { epochs } = profile.pretraining.schedule;
  const seeds = `${profile.seeds.length} seed${profile.seeds.length === 1 ? '' : 's'}`;
  // The note's first words; the whole of it is in `lab.train.provenance.note`.
  const source = train.made ? `MADE DATA (${dataset})` : `${dataset}${note && ` (${note.split(':')[0]})`}`;
  return `profile ${profile.name} · ${source} · ${images} training images × ${epochs === 1 ? '1 epoch' : `${epochs} epochs`} · ${seeds}`;
}

/** The configuration of a pretraining run with OABN of threshold s (Infinity is plain BN), in the lab's profile. */
export function pretrainConfig(
  lab: Pick<Lab, 'profile' | 'data'>,
  {
    threshold,
    seed,
    arch,
    oabn,
    training,
  }: {
    threshold: number;
    seed: number;
    arch?: Architecture;
    /** Options of OABN beside its threshold. */
    oabn?: Omit<Oabn, 'threshold'>;
    training?: Partial<PretrainTraining>;
  },
): PretrainConfig {
  return {
    kind: 'pretrain',
    data: lab.data,
    arch: withThreshold(arch ?? lab.profile.arch, threshold, oabn),
    training: { ...lab.profile.pretraining, seed, ...training },
  };
}

/** The configuration of post-training quantization of `source` to `bits` bits. */
export function ptqConfig(
  lab: Lab,
  source: PtqConfig['source'],
  bits: number,
  weights: PtqConfig['scheme']['weights'] = 'uniform',
): PtqConfig {
  return { kind: 'ptq', source, scheme: { bits, weights }, calibrationImages: lab.profile.calibrationImages };
}

/** What an ablation changes of a fine-tuning run: single training settings, members of the scheme, quantizers. */
export interface FinetuneChanges extends QuantizerOptions {
  readonly training?: Partial<TrainingConfig>;
  readonly scheme?: Partial<Omit<FinetuneConfig['scheme'], 'bits' | 'weights'>>;
}

/** The configuration of quantization-aware fine-tuning of `source` to `bits` bits: `uniform` QAT or, by `kmeans`, ClusterQAT. */
export function finetuneConfig(
  lab: Lab,
  source: FinetuneConfig['source'],
  bits: number,
  weights: FinetuneConfig['scheme']['weights'],
  changes: FinetuneChanges = {},
): FinetuneConfig {
  const { calibrationImages, finetuning } = lab.profile;
  const { training, scheme, ...quantizers } = changes;
  const seed = source.kind === 'pretrain' ? source.training.seed : 0;
  return {
    kind: 'finetune',
    source,
    calibrationImages,
    ...quantizers,
    scheme: { bits, weights, ...scheme },
    training: { ...finetuning[weights], seed, ...training },
  };
}

/** A checkpoint from elsewhere as the source of quantization runs in `lab`. */
export async function openCheckpoint(lab: Lab, path: string, arch?: Architecture): Promise<CheckpointSource> {
  const network = await loadNetwork(path, arch);
  const sha256 = await fileDigest(path);
  lab.checkpoints.set(sha256, path);
  return { kind: 'checkpoint', sha256, data: lab.data, arch: network.arch };
}
