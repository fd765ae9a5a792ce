/** Pretraining: a three-branch network from scratch, with BN or OABN, to its FP32 accuracy once merged. */
import { join } from 'node:path';
import { canonicalJson, check, schema } from 'oabn-base';
import { tf } from 'tfjs-native';
import {
  analyzeOutliers,
  mergeNetwork,
  type OutlierRow,
  type OutlierSummary,
  summarizeOutliers,
} from '../../merge/index.js';
import {
  type Architecture,
  architectureRule,
  initialize,
  normalizeArchitecture,
  saveNetwork,
  type StateDict,
  toStateDict,
  toVariables,
} from '../../model/index.js';
import {
  type Accuracy,
  checkDecay,
  checkOptimizer,
  checkRegularizer,
  decayPolicies,
  type DecayPolicy,
  disposeState,
  initialState,
  normalizeRegularizer,
  describeRegularizer,
  regularizerRule,
  optimizers,
  pretrainStep,
  reestimateStatistics,
  repOptimizerStart,
  statisticsPass,
  type TrainState,
} from '../../train/index.js';
import type { Lab } from '../lab.js';
import { measureAccuracy } from '../measure.js';
import {
  type DataConfig,
  dataRule,
  normalizeData,
  normalizeTraining,
  type PretrainTraining,
  trainingImages,
  trainingRule,
  trainingSteps,
} from '../settings.js';
import { type ObservedEpoch, precisionOptions, stepKey, trainRun } from '../training.js';
import { timeSteps } from './cost.js';
import type { Kind, Work } from './kind.js';
import { describeNetwork } from './network.js';

/** A run that trains a three-branch network from a seed, then merges and measures it. */
export interface PretrainConfig {
  /** What kind of run it is. */
  readonly kind: 'pretrain';
  /** The images that it is trained and measured on. */
  readonly data: DataConfig;
  /** The network, with OABN or without. */
  readonly arch: Architecture;
  /** How it trains. */
  readonly training: PretrainTraining;
}

/**
 * FP32 accuracy of the merged network, and what training made of it: small JSON, stored next to the network.
 */
export interface PretrainResult extends Accuracy {
  /** Metrics of each epoch, with the outliers after it (which older results lack). */
  readonly epochs: readonly ObservedEpoch<OutlierSummary>[];
  /** The outliers of the merged weights, block by block. */
  readonly outliers: readonly OutlierRow[];
  /** The three-branch checkpoint, relative to the run's folder. */
  readonly network: string;
}

const { anything, object, oneOf } = schema;
const configRule = object({
  kind: oneOf('pretrain'),
  data: dataRule,
  arch: architectureRule,
  training: trainingRule({
    decay: oneOf(...decayPolicies),
    ema: object({ decay: anything }),
    regularizer: regularizerRule,
    optimizer: oneOf(...optimizers),
  }),
});

export const pretrain: Kind<PretrainConfig, PretrainResult> = {
  normalize(config) {
    configRule(config, 'pretrain');
    const { kind, data, training } = config;
    const arch = normalizeArchitecture(config.arch);
    return {
      kind,
      data: normalizeData(data),
      arch,
      training: normalizePretraining(training, arch),
    };
  },
  readResult: ({ outliers, ...result }) => ({ ...result, outliers: outliers.map(readRow) }),
  describe: (config) => `train ${describePretrained(config)}`,
  label: () => 'train',
  network: ({ arch, data }) => ({ arch, data }),
  source: () => undefined,
  seed: ({ training }) => training.seed,
  compiledKey: ({ arch, training }) => stepKey(arch, training),
  execute,
  cost: {
    key: ({ training: { images, batchSize, augment, schedule } }) => ({
      training: { images, batchSize, augment, epochs: schedule.epochs },
    }),
    steps: ({ training, data }, available) => trainingSteps(training, data, available),
    probe: (work) => timeSteps(work, execute),
  },
};

/** The peak-to-σ ratio was called `reach` in earlier results. */
function readRow({ reach, ...row }: OutlierRow & { readonly reach?: number }): OutlierRow {
  return reach === undefined ? row : { ...row, peakToSigma: reach };
}

/**
 * The network that a run makes, such as «OABN s=2 seed 1», «BN with decay of the kernels seed 1» or «BN with kure of
 * the merged, λ=0.001 seed 1».
 */
export function describePretrained({ arch, training }: PretrainConfig): string {
  const { decay = 'kernels', regularizer, optimizer, seed } = training;
  const ways = [
    ...(decaysDiffer(arch) && decay !== usualDecay ? [decayTitles[decay]] : []),
    ...(regularizer ? [describeRegularizer(regularizer)] : []),
    ...(optimizer && optimizer !== 'sgd' ? [optimizer] : []),
  ];
  return [
    describeNetwork(arch),
    ...(ways.length > 0 ? [`with ${ways.join(' and ')}`] : []),
    `seed ${seed}`,
  ].join(' ');
}

/** Decay as RepVGG's own code has it, which goes without saying. */
const usualDecay = 'kernelsAndIdentity' satisfies DecayPolicy;
const decayTitles: Readonly<Record<Exclude<DecayPolicy, typeof usualDecay>, string>> = {
  kernels: 'decay of the kernels',
  all: 'decay of all parameters',
  repvggCustom: 'RepVGG’s custom L2',
};

/** Whether the network has an identity branch with a γ, which is where the policies differ most. */
const decaysDiffer = ({ block, branches }: Architecture): boolean =>
  block !== 'qarepvgg' && (branches?.includes('identity') ?? true);

function normalizePretraining(training: PretrainTraining, arch: Architecture): PretrainTraining {
  const { decay = 'kernels', ema, regularizer, optimizer = 'sgd', ...shared } = training;
  checkDecay(decay, arch);
  checkOptimizer(optimizer, arch);
  if (regularizer) checkRegularizer(arch);
  check(
    ema === undefined || (typeof ema.decay === 'number' && ema.decay > 0 && ema.decay < 1),
    () => `ema.decay must be in (0, 1), got ${ema!.decay}`,
  );
  return {
    ...normalizeTraining(shared),
    ...(decay !== 'kernels' && { decay }),
    ...(ema && { ema: { decay: ema.decay } }),
    ...(regularizer && { regularizer: normalizeRegularizer(regularizer) }),
    ...(optimizer !== 'sgd' && { optimizer }),
  };
}

const networkFile = 'network.safetensors';

async function execute({ config, lab, context }: Work<PretrainConfig>): Promise<PretrainResult> {
  const { data, arch, training } = config;
  const fresh = (): TrainState => {
    const { seed, optimizer } = training;
    const start = optimizer === 'repOptimizer' ? repOptimizerStart(arch, seed) : initialize(arch, seed);
    const { params, buffers } = toVariables(start);
    return initialState(params, buffers, training.ema);
  };
  const step = pretrainStep(arch, { ...training, ...precisionOptions(lab, training.batchSize) });
  const { state, epochs } = await trainRun({
    ...{ task: pretrain.describe(config), training, data, lab, context, fresh },
    steps: { at: () => step, keyAt: () => stepKey(arch, training) },
    observe: async ({ params, buffers }) => ({
      ...summarizeOutliers(arch, await toStateDict(params, buffers)),
    }),
  });
  const stateDict = await endOf(state, config, lab);
  disposeState(state);
  await saveNetwork(join(context.folder, networkFile), { arch, stateDict, form: 'training' });
  const merged = mergeNetwork(arch, stateDict);
  const accuracy = await measureAccuracy(lab, { network: { arch, stateDict: merged }, ...data });
  return { ...accuracy, epochs, outliers: analyzeOutliers(arch, stateDict), network: networkFile };
}

/**
 * Training images on which the BN statistics of averaged weights are re-estimated; fewer where an epoch has
 * fewer.
 */
const statisticsImages = 5_000;

/** The network that a run ends with: the last weights, or their average with BN statistics of its own. */
async function endOf(
  { params, buffers, average }: TrainState,
  config: PretrainConfig,
  lab: Lab,
): Promise<StateDict> {
  if (!average) return await toStateDict(params, buffers);
  const { arch, data, training } = config;
  const { batchSize, augment, seed, schedule } = training;
  const images = trainingImages(training, data, lab.train.size);
  const { imageShape } = lab.train;
  const example = tf.zeros<tf.Rank.R4>([batchSize, ...imageShape]);
  const key = canonicalJson({ kind: 'statistics', arch, batchSize });
  const pass = await lab.compiled
    .get(key, () => statisticsPass(arch), [average, buffers, example])
    .finally(() => example.dispose());
  const ofEpoch = lab.train.batches({
    ...{ batchSize, seed, augment, epoch: schedule.epochs, limit: images, shuffle: true, dropLast: true },
  });
  const batches = firstOf(ofEpoch, Math.ceil(statisticsImages / batchSize));
  const statistics = await reestimateStatistics(pass, { params: average, buffers, batches, imageShape });
  return { ...(await toStateDict(average)), ...statistics };
}

async function* firstOf<T>(items: AsyncIterable<T>, count: number): AsyncIterable<T> {
  let taken = 0;
  for await (const item of items) {
    yield item;
    if (++taken >= count) return;
  }
}
