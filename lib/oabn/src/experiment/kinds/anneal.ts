/**
 * OABN by fine-tuning: a pretrained three-branch network, with plain BN or a larger s, gradually gets a
 * smaller s. From its own largest |r0| the threshold falls geometrically, epoch by epoch, to the desired one,
 * and stays there to the end; so no ratio is cut by much at a time, and training repairs what each cut
 * breaks. This is an idea of ours; the paper trains with OABN from scratch.
 */
import { join } from 'node:path';
import { check, schema } from 'oabn-base';
import { analyzeOutliers, mergeNetwork } from '../../merge/index.js';
import {
  type Architecture,
  normalizeArchitecture,
  saveNetwork,
  toStateDict,
  toVariables,
} from '../../model/index.js';
import { disposeState, initialState, pretrainStep } from '../../train/index.js';
import { measureAccuracy } from '../measure.js';
import {
  normalizeTraining,
  type TrainingConfig,
  trainingImages,
  trainingRule,
  trainingSteps,
} from '../settings.js';
import { precisionOptions, stepKey, trainRun } from '../training.js';
import { timeSteps } from './cost.js';
import type { Kind, Work } from './kind.js';
import type { PretrainResult } from './pretrain.js';
import { describeSource, type NetworkSource, normalizeSource } from './source.js';

/** A run that gives OABN to a network with plain BN: it trains on while s falls to `threshold`. */
export interface AnnealConfig {
  /** What kind of run it is. */
  readonly kind: 'anneal';
  /** A three-branch network. */
  readonly source: NetworkSource;
  /** The s at the end. */
  readonly threshold: number;
  /** Epochs in which s falls; those after them train with the last. */
  readonly annealEpochs: number;
  /** How it trains. */
  readonly training: TrainingConfig;
}

/** What such a run keeps: as pretraining, with the s of each epoch. */
export interface AnnealResult extends PretrainResult {
  /** The s of each epoch. */
  readonly thresholds: readonly number[];
}

const { anything, object, oneOf, positive, whole } = schema;
const configRule = object({
  kind: oneOf('anneal'),
  source: anything,
  threshold: positive,
  annealEpochs: whole(1),
  training: trainingRule(),
});

export const anneal: Kind<AnnealConfig, AnnealResult> = {
  normalize(config) {
    configRule(config, 'anneal');
    const { kind, source, threshold, annealEpochs, training } = config;
    const { epochs } = training.schedule;
    check(
      annealEpochs <= epochs,
      `annealEpochs must be a whole number from 1 to epochs = ${epochs}, got ${annealEpochs}`,
    );
    const normalized = normalizeTraining(training);
    return { kind, source: normalizeSource(source), threshold, annealEpochs, training: normalized };
  },
  describe: ({ source, threshold }) => `anneal to s=${threshold}, ${describeSource(source)}`,
  label: () => 'anneal',
  network: ({ source: { arch, data }, threshold }) => ({ arch: withThreshold(arch, threshold), data }),
  source: ({ source }) => source,
  seed: ({ training }) => training.seed,
  compiledKey: ({ source, threshold, training }) => stepKey(withThreshold(source.arch, threshold), training),
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

/** The network with OABN of this s; what else OABN has stays. */
function withThreshold(arch: Architecture, threshold: number): Architecture {
  return normalizeArchitecture({ ...arch, oabn: { ...arch.oabn, threshold } });
}

async function execute({ config, lab, context, start }: Work<AnnealConfig>): Promise<AnnealResult> {
  const { source, threshold, annealEpochs, training } = config;
  const { data } = source;
  const network = await start();
  check(
    network.form === 'training',
    'Annealing s needs the three-branch network; this one is merged, and its branches are lost',
  );
  const { epochs } = training.schedule;
  const from = largestRatio(network.arch, network.stateDict);
  const thresholds = annealedThresholds(from, threshold, annealEpochs, epochs);
  const archs = thresholds.map((s) => withThreshold(network.arch, s));
  const options = { ...training, ...precisionOptions(lab, training.batchSize) };
  const steps = archs.map((arch) => pretrainStep(arch, options));
  const stepsPerEpoch = Math.floor(trainingImages(training, data, lab.train.size) / training.batchSize);
  const epochOf = (index: number): number => Math.min(epochs - 1, Math.floor(index / stepsPerEpoch));
  const trained = await trainRun({
    ...{ task: anneal.describe(config), training, data, lab, context },
    fresh: () => {
      const { params, buffers } = toVariables(network.stateDict);
      return initialState(params, buffers);
    },
    steps: {
      at: (index) => steps[epochOf(index)]!,
      keyAt: (index) => stepKey(archs[epochOf(index)]!, training),
    },
  });
  const arch = withThreshold(network.arch, threshold);
  const stateDict = await toStateDict(trained.state.params, trained.state.buffers);
  disposeState(trained.state);
  const file = 'network.safetensors';
  await saveNetwork(join(context.folder, file), { arch, stateDict, form: 'training' });
  const merged = mergeNetwork(arch, stateDict);
  const accuracy = await measureAccuracy(lab, { network: { arch, stateDict: merged }, ...data });
  const outliers = analyzeOutliers(arch, stateDict);
  return { ...accuracy, epochs: trained.epochs, outliers, network: file, thresholds };
}

/** The largest |r0| of the identity branches. */
function largestRatio(arch: Architecture, stateDict: Parameters<typeof analyzeOutliers>[1]): number {
  const ratios = analyzeOutliers(arch, stateDict).flatMap(({ identity }) => identity?.maxRatio ?? []);
  check(ratios.length > 0, 'The network has no identity branch with a BN, so there is no s to anneal');
  return Math.max(...ratios);
}
