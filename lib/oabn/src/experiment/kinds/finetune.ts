/** Quantization-aware fine-tuning of a pretrained network: uniform QAT or ClusterQAT, by its scheme (paper, section 3). */
import { canonicalJson, check, schema } from 'oabn-base';
import { takeCalibration } from '../../data/index.js';
import { type StateDict, toStateDict } from '../../model/index.js';
import {
  type ActivationRanges,
  calibrate,
  calibrateMse,
  clusterDefaults,
  normalizeActivations,
  normalizeCluster,
  normalizeOwnQuantizer,
  normalizeScheme,
  readScheme,
  storedScheme,
  type StoredScheme,
  normalizeUniform,
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
import { finish, mergedOf, type QuantizedResult } from './quantized.js';
import { describeSource, type NetworkSource, normalizeSource } from './source.js';

/** A run that fine-tunes a quantized network: uniform QAT or ClusterQAT, from a pretraining run or a file. */
export interface FinetuneConfig extends QuantizerOptions {
  readonly kind: 'finetune';
  readonly source: NetworkSource;
  readonly scheme: QuantizationScheme;
  readonly calibrationImages: number;
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
    through: oneOf('merged', 'branches'),
    statistics: oneOf(...mergeStatistics),
    cluster: object({}, { init: text, update: text, updateEvery: whole(1), rate: schema.positive }),
    uniform: object({}, { step: text, rate: schema.positive }),
    activations: object({}, { range: text, momentum: schema.finite }),
    quantizer: object({ name: text, begin: anything, quantize: anything }, { move: anything }),
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
  describe: ({ scheme: { bits, weights }, quantizer, source }) =>
    `${bits}-bit ${quantizer?.name ?? methodNames[weights]}, ${describeSource(source)}`,
  label: ({ scheme: { weights }, quantizer }) => quantizer?.name ?? methodNames[weights],
  network: ({ source: { arch, data } }) => ({ arch, data }),
  source: ({ source }) => source,
  seed: ({ training }) => training.seed,
  compiledKey: ({ scheme, cluster, quantizer }) => canonicalJson({ scheme, cluster, quantizer }),
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

/** Defaults left out, and what the kind of weights has no use for. */
function normalizeQuantizers(options: QuantizerOptions, weights: WeightMethod): QuantizerOptions {
  const {
    through = 'merged',
    statistics = 'running',
    cluster = {},
    uniform = {},
    activations = {},
    quantizer,
  } = options;
  check(
    through === 'merged' || through === 'branches',
    `through must be "merged" or "branches", got ${JSON.stringify(through)}`,
  );
  checkOneOf('statistics', statistics, mergeStatistics);
  check(
    quantizer === undefined || weights === 'cluster',
    () =>
      `«${quantizer!.name}» takes the place of k-means; its scheme needs weights "kmeans", got ${JSON.stringify(weights)}`,
  );
  const ofWeights =
    weights === 'cluster' ? { cluster: normalizeCluster(cluster) } : { uniform: normalizeUniform(uniform) };
  const members = { ...ofWeights, activations: normalizeActivations(activations) };
  return {
    ...(through === 'branches' && { through }),
    ...(through === 'branches' && statistics !== 'running' && { statistics }),
    ...(quantizer && { quantizer: normalizeOwnQuantizer(quantizer) }),
    ...Object.fromEntries(Object.entries(members).filter(([, member]) => Object.keys(member).length > 0)),
  };
}

async function execute(work: Work<FinetuneConfig>): Promise<QuantizedResult> {
  const { config, lab, context } = work;
  const { scheme, training, through, cluster } = config;
  const { arch, data } = config.source;
  const source = await work.start();
  check(
    through !== 'branches' || source.form === 'training',
    'Fine-tuning through the branches needs a three-branch network, this one is merged; use through: "merged"',
  );
  const merged = mergedOf(source);
  const begin = through === 'branches' ? source.stateDict : merged;
  const ranges = await rangesOf(config, merged, lab);
  const { updateEvery } = { ...clusterDefaults, ...cluster };
  const { state, epochs } = await trainRun({
    ...{ task: finetune.describe(config), training, data, lab, context },
    fresh: () => finetuneState(begin, ranges, scheme, arch, config),
    steps: {
      at: finetuneSteps(arch, scheme, {
        ...training,
        ...precisionOptions(lab, training.batchSize),
        ...quantizersOf(config),
      }),
      keyAt: (index) => finetuneKey(config, index % updateEvery === 0),
    },
  });
  const network = finetunedNetwork(
    arch,
    scheme,
    await toStateDict(state.params),
    await toStateDict(state.buffers),
    config,
  );
  disposeState(state);
  return { ...(await finish(network, data, work)), epochs };
}

function quantizersOf({
  through,
  statistics,
  cluster,
  uniform,
  activations,
  quantizer,
}: QuantizerOptions): QuantizerOptions {
  return {
    ...(through && { through }),
    ...(statistics && { statistics }),
    ...(cluster && { cluster }),
    ...(uniform && { uniform }),
    ...(activations && { activations }),
    ...(quantizer && { quantizer }),
  };
}

/** What the step's function depends on: merged, of the architecture the shapes alone; of the clusters not their start. */
function finetuneKey(config: FinetuneConfig, moves: boolean): string {
  const { source, scheme, training, through } = config;
  const { widths, depths, strides, classes } = source.arch;
  const { update, rate } = { ...clusterDefaults, ...config.cluster };
  const arch = through === 'branches' ? source.arch : { widths, depths, strides, classes };
  const quantizers = { ...quantizersOf(config), cluster: { update, rate } };
  return stepKey(arch, training, { scheme, quantizers, moves });
}

/** Where the activations' ranges begin: min–max, or of least squared error where they do not follow the batches. */
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
