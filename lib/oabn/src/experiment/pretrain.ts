/** Executes a pretraining run: a three-branch network from scratch to its FP32 accuracy. */
import { join } from 'node:path';
import { analyzeOutliers, mergeNetwork } from '../merge/index.js';
import { initialize, saveNetwork, type StateDict, toStateDict, toVariables } from '../model/index.js';
import {
  disposeState,
  initialState,
  pretrainStep,
  reestimateStatistics,
  statisticsPass,
  type TrainState,
} from '../train/index.js';
import { canonicalJson } from 'oabn-base';
import { tf } from 'tfjs-native';
import { type PretrainConfig, trainingImages } from './config.js';
import { measureAccuracy } from './measure.js';
import type { Lab } from './lab.js';
import type { PretrainResult } from './results.js';
import type { RunContext } from 'provable-runs';
import { precisionOptions, stepKey, trainRun } from './training.js';

export const networkFile = 'network.safetensors';

export async function executePretrain(
  config: PretrainConfig,
  lab: Lab,
  context: RunContext,
): Promise<PretrainResult> {
  const { arch, training } = config;
  const fresh = (): TrainState => {
    const { params, buffers } = toVariables(initialize(arch, training.seed));
    return initialState(params, buffers, training.ema);
  };
  const step = pretrainStep(arch, { ...training, ...precisionOptions(lab, training.batchSize) });
  const steps = { at: () => step, keyAt: () => stepKey(arch, training) };
  const { state, epochs } = await trainRun(config, lab, context, fresh, steps);
  const stateDict = await endOf(state, config, lab);
  disposeState(state);
  await saveNetwork(join(context.folder, networkFile), { arch, stateDict, form: 'training' });
  const merged = mergeNetwork(arch, stateDict);
  const accuracy = await measureAccuracy(lab, { arch, stateDict: merged }, config.data);
  return { ...accuracy, epochs, outliers: analyzeOutliers(arch, stateDict), network: networkFile };
}

/** Training images by which BN statistics of averaged weights are estimated anew, or as many as an epoch has. */
const statisticsImages = 5_000;

/** The network that a run ends with: the last weights, or their average with BN statistics of its own. */
async function endOf(
  { params, buffers, average }: TrainState,
  config: PretrainConfig,
  lab: Lab,
): Promise<StateDict> {
  if (!average) return await toStateDict(params, buffers);
  const { arch, training } = config;
  const { batchSize, augment, seed, schedule } = training;
  const images = trainingImages(config, lab.train.size);
  const { imageShape } = lab.train;
  const example = tf.zeros<tf.Rank.R4>([batchSize, ...imageShape]);
  const pass = await lab.compiled.get(
    canonicalJson({ kind: 'statistics', arch, batchSize }),
    () => statisticsPass(arch),
    [average, buffers, example],
  );
  example.dispose();
  const ofEpoch = lab.train.batches({
    ...{ batchSize, seed, augment, epoch: schedule.epochs, limit: images, shuffle: true, dropLast: true },
  });
  const batches = firstOf(ofEpoch, Math.ceil(statisticsImages / batchSize));
  const statistics = await reestimateStatistics(pass, average, buffers, batches, imageShape);
  return { ...(await toStateDict(average)), ...statistics };
}

async function* firstOf<T>(items: AsyncIterable<T>, count: number): AsyncIterable<T> {
  let taken = 0;
  for await (const item of items) {
    yield item;
    if (++taken >= count) return;
  }
}
