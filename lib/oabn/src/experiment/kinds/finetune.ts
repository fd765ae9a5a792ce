/**
 * Quantization-aware fine-tuning of a pretrained network: uniform QAT or ClusterQAT, by its scheme (paper,
 * section 3).
 */
import { check, schema } from 'oabn-base';
import { tf } from 'tfjs-native';
import { takeCalibration } from '../../data/index.js';
import { mergedOf, restoreBatchNorm, restoredArchitecture } from '../../merge/index.js';
import { type Architecture, type Network, type StateDict, toStateDict } from '../../model/index.js';
import {
  type ActivationRanges,
  calibrate,
  calibrateMse,
  clusterDefaults,
  describeScheme,
  normalizeActivations,
  normalizeCluster,
  normalizeQuantizer,
  normalizeScheme,
  readScheme,
  storedScheme,
  type StoredScheme,
  normalizeUniform,
  quantizerName,
  type QuantizationScheme,
  schemeRule,
  type WeightMethod,
} from '../../quantize/index.js';
import {
  disposeState,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  mergeStatistics,
  type QuantizerOptions,
} from '../../train/index.js';
import type { Lab } from '../lab.js';
import {
  checkOneOf,
  normalizeTraining,
  type TrainingConfig,
  trainingRule,
  trainingSteps,
} from '../settings.js';
import { precisionOptions, stepKey, trainRun } from '../training.js';
import { timeSteps } from './cost.js';
import type { Kind, Work } from './kind.js';
import { finish, type QuantizedResult } from './quantized.js';
import { describeSource, type NetworkSource, normalizeSource } from './source.js';

/** What fine-tuning may train; see `FinetuneQuantizers.through`. */
export const trainedParameters = ['merged', 'branches', 'restored'] as const;

/** What is trained, and how the quantizers adapt. */
export interface FinetuneQuantizers extends Omit<QuantizerOptions, 'through'> {
  /**
   * The parameters: the `merged` weights, as in the paper (default); those of the `branches`, through the
   * merge; or the merged weights with a BN put back behind each (`restored`; see `restoreBatchNorm`), which
   * is merged again in the end.
   */
  readonly through?: (typeof trainedParameters)[number];
}

/** A run that fine-tunes a quantized network: uniform QAT or ClusterQAT, from a pretraining run or a file. */
export interface FinetuneConfig extends FinetuneQuantizers {
  /** What kind of run it is. */
  readonly kind: 'finetune';
  /** The network that it starts from. */
  readonly source: NetworkSource;
  /** How the network is quantized. */
  readonly scheme: QuantizationScheme;
  /** Training images for calibrating activations. */
  readonly calibrationImages: number;
  /** How it trains. */
  readonly training: TrainingConfig;
}

interface StoredFinetuneConfig extends Omit<FinetuneConfig, 'scheme'> {
  readonly scheme: StoredScheme;
}

const { anything, object, oneOf, text, whole } = schema;
const configRule = object(
  {
    kind: oneOf('finetune'),
    source: anything,
    scheme: schemeRule,
    calibrationImages: whole(1),
    training: trainingRule(),
  },
  {
    through: oneOf(...trainedParameters),
    statistics: oneOf(...mergeStatistics),
    cluster: object({}, { init: text, update: text, updateEvery: whole(1), rate: schema.positive }),
    uniform: object({}, { step: text, rate: schema.positive }),
    activations: object({}, { range: text, momentum: schema.finite }),
    quantizer: anything,
  },
);

export const finetune: Kind<FinetuneConfig, QuantizedResult> = {
  normalize(config) {
    configRule(config, 'finetune');
    const { kind, source, scheme, calibrationImages, training } = config;
    return {
      kind,
      source: normalizeSource(source),
      scheme: normalizeScheme(scheme),
      calibrationImages,
      training: normalizeTraining(training),
      ...normalizeQuantizers(config, scheme.weights),
    };
  },
  store: (config) => ({ ...config, scheme: storedScheme(config.scheme) }),
  read: (stored) => ({
    ...(stored as FinetuneConfig),
    scheme: readScheme((stored as StoredFinetuneConfig).scheme),
  }),
  describe(config) {
    const { scheme, quantizer, source } = config;
    const options = describeOptions(config);
    const method = methodName(scheme.weights, quantizer);
    return `${scheme.bits}-bit ${method}${options && ` (${options})`}, ${describeSource(source)}`;
  },
  label: ({ scheme: { weights }, quantizer }) => methodName(weights, quantizer),
  network: ({ source: { arch, data } }) => ({ arch, data }),
  source: ({ source }) => source,
  seed: ({ training }) => training.seed,
  // Where centroids move in some steps only, those between have a function of their own, of the same key but for that.
  compiledKey: (config) => finetuneKey(config, true),
  execute,
  cost: {
    key: ({ training: { images, batchSize, augment, schedule }, scheme: { weights } }) => ({
      training: { images, batchSize, augment, epochs: schedule.epochs },
      weights,
    }),
    steps: ({ training, source: { data } }, available) => trainingSteps(training, data, available),
    probe: (work) => timeSteps(work, execute),
  },
};

const methodNames = { uniform: 'uniform QAT', cluster: 'ClusterQAT' } as const satisfies Record<
  WeightMethod,
  string
>;

const methodName = (weights: WeightMethod, quantizer: QuantizerOptions['quantizer']): string =>
  quantizer ? quantizerName(quantizer) : methodNames[weights];

/** What differs from the paper's method, such as «per channel; init uniform»; empty where nothing does. */
function describeOptions({ scheme, through, statistics, ...options }: FinetuneConfig): string {
  const { cluster, uniform, activations } = options;
  const changed = (members: object = {}): string[] =>
    Object.entries(members).map(([name, value]) => `${name} ${value}`);
  return [
    ...describeScheme(scheme),
    ...(through === 'branches' ? ['through the branches'] : []),
    ...(through === 'restored' ? ['BN restored'] : []),
    ...(statistics ? [`${statistics} statistics`] : []),
    ...changed(cluster),
    ...changed(uniform),
    ...changed(activations).map((text) => `activations' ${text}`),
  ].join('; ');
}

/** The options without defaults, and without those that the kind of weights has no use for. */
function normalizeQuantizers(options: FinetuneQuantizers, weights: WeightMethod): FinetuneQuantizers {
  const {
    through = 'merged',
    statistics = 'running',
    cluster = {},
    uniform = {},
    activations = {},
    quantizer,
  } = options;
  checkOneOf('through', through, trainedParameters);
  checkOneOf('statistics', statistics, mergeStatistics);
  check(
    quantizer === undefined || weights === 'cluster',
    () =>
      `«${quantizerName(quantizer!)}» takes the place of k-means; its scheme needs weights "cluster", got ${JSON.stringify(weights)}`,
  );
  const ofWeights =
    weights === 'cluster' ? { cluster: normalizeCluster(cluster) } : { uniform: normalizeUniform(uniform) };
  const members = { ...ofWeights, activations: normalizeActivations(activations) };
  return {
    ...(through !== 'merged' && { through }),
    ...(through === 'branches' && statistics !== 'running' && { statistics }),
    ...(quantizer && { quantizer: normalizeQuantizer(quantizer) }),
    ...Object.fromEntries(Object.entries(members).filter(([, member]) => Object.keys(member).length > 0)),
  };
}

async function execute(work: Work<FinetuneConfig>): Promise<QuantizedResult> {
  const { config, lab, context } = work;
  const { scheme, training, through, cluster } = config;
  const { data } = config.source;
  const source = await work.start();
  check(
    through !== 'branches' || source.form === 'training',
    'Fine-tuning through the branches needs a three-branch network, this one is merged; use through: "merged"',
  );
  const merged = mergedOf(source);
  const { arch, begin } = await beginningOf(config, source, merged, lab);
  const ranges = await rangesOf(config, merged, lab);
  const quantizers = stepQuantizers(config);
  const { updateEvery } = { ...clusterDefaults, ...cluster };
  const { state, epochs } = await trainRun({
    ...{ task: finetune.describe(config), training, data, lab, context },
    fresh: () => finetuneState({ ...quantizers, network: begin, ranges, scheme, arch }),
    steps: {
      at: finetuneSteps({
        ...{ arch, scheme },
        ...training,
        ...precisionOptions(lab, training.batchSize),
        ...quantizers,
      }),
      keyAt: (index) => finetuneKey(config, index % updateEvery === 0),
    },
  });
  const network = finetunedNetwork({
    ...{ arch, scheme },
    params: await toStateDict(state.params),
    buffers: await toStateDict(state.buffers),
    ...quantizers,
  });
  disposeState(state);
  return { ...(await finish(network, data, work)), epochs };
}

/** What is trained, and where it begins. */
async function beginningOf(
  { through, calibrationImages, source: { arch } }: FinetuneConfig,
  { stateDict }: Network,
  merged: StateDict,
  lab: Lab,
): Promise<{ arch: Architecture; begin: StateDict }> {
  if (through === 'branches') return { arch, begin: stateDict };
  if (through !== 'restored') return { arch, begin: merged };
  const { images, size } = await takeCalibration(lab.train, calibrationImages, 0);
  const x = tf.tensor4d(images, [size, ...lab.train.imageShape]);
  const begin = await restoreBatchNorm(arch, merged, x).finally(() => x.dispose());
  return { arch: restoredArchitecture(arch), begin };
}

/** As the steps know them: a restored BN is trained as a branch's, by the statistics of the batch. */
function stepQuantizers(config: FinetuneConfig): QuantizerOptions {
  const { through, ...quantizers } = quantizersOf(config);
  if (through === 'restored') return { ...quantizers, through: 'branches', statistics: 'batch' };
  return { ...quantizers, ...(through && { through }) };
}

function quantizersOf({
  through,
  statistics,
  cluster,
  uniform,
  activations,
  quantizer,
}: FinetuneQuantizers): FinetuneQuantizers {
  return {
    ...(through && { through }),
    ...(statistics && { statistics }),
    ...(cluster && { cluster }),
    ...(uniform && { uniform }),
    ...(activations && { activations }),
    ...(quantizer && { quantizer }),
  };
}

/**
 * What the step's function depends on: for merged weights, only the shapes of the architecture; of the
 * cluster options, all but how they begin.
 */
function finetuneKey(config: FinetuneConfig, moves: boolean): string {
  const { source, scheme, training, through } = config;
  const { widths, depths, strides, classes, operations } = source.arch;
  const { update, rate } = { ...clusterDefaults, ...config.cluster };
  // A restored network has the 3×3 branch alone, whatever the source had.
  const arch = through === 'branches' ? source.arch : { widths, depths, strides, classes, operations };
  const quantizers = { ...quantizersOf(config), cluster: { update, rate } };
  return stepKey(arch, training, { scheme, quantizers, moves });
}

/**
 * Where the activations' ranges begin: min–max, or of least squared error where they do not follow the
 * batches.
 */
async function rangesOf(
  { source, scheme, calibrationImages, activations }: FinetuneConfig,
  merged: StateDict,
  lab: Lab,
): Promise<ActivationRanges> {
  const batch = await takeCalibration(lab.train, calibrationImages, 0);
  return (activations?.range ?? 'moving') === 'moving'
    ? await calibrate(source.arch, merged, [batch])
    : await calibrateMse(source.arch, merged, batch, scheme);
}
