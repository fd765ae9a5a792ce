/**
 * What training from scratch would have prevented, by training a pretrained network on for a few epochs:
 * outliers of the merged weights.
 *
 * - OABN, of a three-branch network: from its own largest |r0| the threshold falls geometrically, epoch by
 *   epoch, to the desired s, and stays there to the end; so no ratio is cut by much at a time, and training
 *   repairs what each cut breaks.
 * - A penalty on the merged kernels, such as KURE, in the loss; or both. With a penalty alone the merged weights
 *   can be trained, so that this works for any family whose networks can be computed.
 *
 * Weight decay acts on the kernels alone, whatever it acted on before. This is an idea of ours; the papers train from
 * scratch.
 */
import { join } from 'node:path';
import { check, schema } from 'oabn-base';
import { analyzeOutliers, mergedOf } from '../../merge/index.js';
import {
  type Architecture,
  checkChain,
  type Network,
  normalizeArchitecture,
  saveNetwork,
  toStateDict,
  toVariables,
} from '../../model/index.js';
import { equalize } from '../../quantize/index.js';
import {
  checkRegularizer,
  describeRegularizer,
  disposeState,
  initialState,
  mergedStep,
  normalizeRegularizer,
  pretrainStep,
  type Regularizer,
  regularizerRule,
} from '../../train/index.js';
import { measureAccuracy } from '../measure.js';
import {
  normalizeTraining,
  type TrainingConfig,
  trainingImages,
  trainingRule,
  trainingSteps,
} from '../settings.js';
import { precisionOptions, stepKey, type Steps, trainRun } from '../training.js';
import { timeSteps } from './cost.js';
import type { Kind, Work } from './kind.js';
import type { PretrainResult } from './pretrain.js';
import { describeSource, type NetworkSource, normalizeSource } from './source.js';

/** How it trains. */
export interface AnnealTraining extends TrainingConfig {
  /** A penalty that is added to the loss; default none. */
  readonly regularizer?: Regularizer;
  /** The norm > 0 that all gradients together are clipped at; default none. */
  readonly maxGradientNorm?: number;
}

/** A run that trains a network on, so that its merged weights get easier to quantize. */
export interface AnnealConfig {
  /** What kind of run it is. */
  readonly kind: 'anneal';
  /** A three-branch network; a merged one where the merged weights are trained. */
  readonly source: NetworkSource;
  /** The parameters: those of the `branches` (default), or, with a penalty alone, the `merged` weights. */
  readonly through?: (typeof annealedParameters)[number];
  /**
   * Equalize the channels of the merged weights before training (cross-layer equalization, as DFQ does): no output
   * changes, and outliers that a penalty could not be trained with go. For chains like RepVGG alone; default false.
   */
  readonly equalize?: boolean;
  /** OABN's s at the end; absent where the network keeps the one that it has, or plain BN. */
  readonly threshold?: number;
  /** Epochs in which s falls, if it does; those after them train with the last. */
  readonly annealEpochs?: number;
  /** How it trains. */
  readonly training: AnnealTraining;
}

/** What such a run keeps: as pretraining, with the s of each epoch. */
export interface AnnealResult extends PretrainResult {
  /** The s of each epoch; none where it stays. */
  readonly thresholds: readonly number[];
}

/** What annealing may train; see `AnnealConfig.through`. */
const annealedParameters = ['branches', 'merged'] as const;

const { anything, flag, object, oneOf, positive, whole } = schema;
const configRule = object(
  {
    kind: oneOf('anneal'),
    source: anything,
    training: trainingRule({ regularizer: regularizerRule, maxGradientNorm: positive }),
  },
  { through: oneOf(...annealedParameters), equalize: flag, threshold: positive, annealEpochs: whole(1) },
);

export const anneal: Kind<AnnealConfig, AnnealResult> = {
  normalize(config) {
    configRule(config, 'anneal');
    const { kind, through = 'branches', equalize = false, threshold, annealEpochs, training } = config;
    const { regularizer, maxGradientNorm, ...others } = training;
    const { epochs } = training.schedule;
    check(
      threshold !== undefined || regularizer !== undefined,
      'A network is annealed to a threshold s, or with a regularizer, or both; this configuration has neither',
    );
    check(
      (annealEpochs === undefined) === (threshold === undefined),
      'threshold and annealEpochs, the epochs in which s falls to it, belong together; this configuration has one of them',
    );
    check(
      annealEpochs === undefined || annealEpochs <= epochs,
      `annealEpochs must be a whole number from 1 to epochs = ${epochs}, got ${annealEpochs}`,
    );
    check(
      through === 'branches' || (threshold === undefined && regularizer?.on === 'merged'),
      'Merged weights have no branches to limit or to penalize: through: "merged" takes a penalty on the merged kernels, and no threshold s',
    );
    check(
      !equalize || through === 'merged',
      'Equalization changes merged weights, not those of branches: equalize takes through: "merged"',
    );
    const source = normalizeSource(config.source);
    if (regularizer) checkRegularizer(source.arch);
    if (equalize) checkChain(source.arch, 'Equalization');
    return {
      kind,
      source,
      ...(through === 'merged' && { through }),
      ...(equalize && { equalize }),
      ...(threshold !== undefined && { threshold, annealEpochs: annealEpochs! }),
      training: {
        ...normalizeTraining(others),
        ...(regularizer && { regularizer: normalizeRegularizer(regularizer) }),
        ...(maxGradientNorm !== undefined && { maxGradientNorm }),
      },
    };
  },
  describe: ({ source, equalize = false, threshold, training: { regularizer } }) => {
    const ways = [
      ...(equalize ? ['equalized'] : []),
      ...(threshold === undefined ? [] : [`to s=${threshold}`]),
      ...(regularizer ? [`with ${describeRegularizer(regularizer)}`] : []),
    ];
    return `anneal ${ways.join(' ')}, ${describeSource(source)}`;
  },
  label: () => 'anneal',
  network: ({ source: { arch, data }, threshold }) => ({ arch: withThreshold(arch, threshold), data }),
  source: ({ source }) => source,
  seed: ({ training }) => training.seed,
  compiledKey: (config) => annealKey(withThreshold(config.source.arch, config.threshold), config),
  execute,
  cost: {
    key: ({ training: { images, batchSize, augment, schedule } }) => ({
      training: { images, batchSize, augment, epochs: schedule.epochs },
    }),
    steps: ({ training, source: { data } }, available) => trainingSteps(training, data, available),
    probe: (work) => timeSteps(work, execute),
  },
};

/**
 * s of each of `epochs` epochs: from `from` down to `to` in `annealEpochs` equal factors, then
 * `to`; never above `from`.
 */
export function annealedThresholds(from: number, to: number, annealEpochs: number, epochs: number): number[] {
  return Array.from({ length: epochs }, (_, epoch) => {
    const progress = Math.min(1, (epoch + 1) / annealEpochs);
    return progress === 1 || from <= to ? to : from * (to / from) ** progress;
  });
}

/** The network with OABN of this s, if one is given; what else OABN has stays. */
function withThreshold(arch: Architecture, threshold: number | undefined): Architecture {
  if (threshold === undefined) return arch;
  return normalizeArchitecture({ ...arch, oabn: { ...arch.oabn, threshold } });
}

async function execute(work: Work<AnnealConfig>): Promise<AnnealResult> {
  const { config, lab, context } = work;
  const { training } = config;
  const { data } = config.source;
  const network = await beginning(work);
  const { steps, thresholds } =
    network.form === 'merged' ? mergedSteps(network, work) : threeBranchSteps(network, work);
  const trained = await trainRun({
    ...{ task: anneal.describe(config), training, data, lab, context, steps },
    fresh: () => {
      const { params, buffers } = toVariables(network.stateDict);
      return initialState(params, buffers);
    },
  });
  const arch = withThreshold(network.arch, config.threshold);
  const stateDict = await toStateDict(trained.state.params, trained.state.buffers);
  disposeState(trained.state);
  const { form } = network;
  const file = 'network.safetensors';
  await saveNetwork(join(context.folder, file), { arch, stateDict, form });
  const merged = mergedOf({ arch, stateDict, form });
  const accuracy = await measureAccuracy(lab, { network: { arch, stateDict: merged }, ...data });
  const outliers = analyzeOutliers(arch, stateDict);
  return { ...accuracy, epochs: trained.epochs, outliers, network: file, thresholds };
}

/** The network in the form that is trained. */
async function beginning({ config, start }: Work<AnnealConfig>): Promise<Network> {
  const network = await start();
  if (config.through === 'merged') {
    const merged = mergedOf(network);
    const stateDict = config.equalize ? equalize(network.arch, merged).stateDict : merged;
    return { ...network, stateDict, form: 'merged' };
  }
  check(
    network.form === 'training',
    'Annealing the branches needs the three-branch network; this one is merged, and its branches are lost. With a penalty on merged kernels alone, use through: "merged"',
  );
  return network;
}

/** What the function of a step depends on while the network is `arch`, whose s is that of the epoch. */
const annealKey = (arch: Architecture, { through, training }: AnnealConfig): string =>
  stepKey(arch, training, through === 'merged' ? { form: through } : {});

/** The steps of a run, and the s of each epoch. */
interface Annealing {
  readonly steps: Steps;
  readonly thresholds: readonly number[];
}

/** The branches are trained, with the s of the epoch. */
function threeBranchSteps({ arch, stateDict }: Network, { config, lab }: Work<AnnealConfig>): Annealing {
  const { source, threshold, annealEpochs, training } = config;
  const { epochs } = training.schedule;
  const thresholds =
    threshold === undefined
      ? []
      : annealedThresholds(largestRatio(arch, stateDict), threshold, annealEpochs!, epochs);
  const archs = Array.from({ length: epochs }, (_, i) => withThreshold(arch, thresholds[i]));
  const options = { ...training, ...precisionOptions(lab, training.batchSize) };
  const steps = archs.map((ofEpoch) => pretrainStep(ofEpoch, options));
  const stepsPerEpoch = Math.floor(
    trainingImages(training, source.data, lab.train.size) / training.batchSize,
  );
  const epochOf = (index: number): number => Math.min(epochs - 1, Math.floor(index / stepsPerEpoch));
  return {
    thresholds,
    steps: {
      at: (index) => steps[epochOf(index)]!,
      keyAt: (index) => annealKey(archs[epochOf(index)]!, config),
    },
  };
}

/** The merged weights are trained: of a network of any family that can be computed. */
function mergedSteps({ arch }: Network, { config, lab }: Work<AnnealConfig>): Annealing {
  const { training } = config;
  const step = mergedStep(arch, { ...training, ...precisionOptions(lab, training.batchSize) });
  return {
    thresholds: [],
    steps: { at: () => step, keyAt: () => annealKey(arch, config) },
  };
}

/** The largest |r0| of the identity branches. */
function largestRatio(arch: Architecture, stateDict: Parameters<typeof analyzeOutliers>[1]): number {
  const ratios = analyzeOutliers(arch, stateDict).flatMap(({ identity }) => identity?.maxRatio ?? []);
  check(ratios.length > 0, 'The network has no identity branch with a BN, so there is no s to anneal');
  return Math.max(...ratios);
}
