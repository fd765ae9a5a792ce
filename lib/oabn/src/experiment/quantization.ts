/** Executes the runs that quantize a `merged` network: post-training quantization and quantization-aware fine-tuning. */
import { join } from 'node:path';
import { check } from 'oabn-base';
import { takeCalibration } from '../data/index.js';
import { mergeNetwork } from '../merge/index.js';
import { type Network, type StateDict, toStateDict } from '../model/index.js';
import {
  type ActivationRanges,
  calibrate,
  calibrateMse,
  type QuantizedNetwork,
  ptqMethods,
  clusterDefaults,
  saveQuantizedNetwork,
  storedStates,
} from '../quantize/index.js';
import {
  disposeState,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  type QuantizerOptions,
} from '../train/index.js';
import type { DataConfig, FinetuneConfig, PtqConfig } from './config.js';
import type { Lab } from './lab.js';
import { measureAccuracy } from './measure.js';
import { networkFile } from './pretrain.js';
import type { QuantizedResult } from './results.js';
import type { RunContext } from 'provable-runs';
import { precisionOptions, stepKey, trainRun } from './training.js';

export async function executePtq(
  config: PtqConfig,
  merged: StateDict,
  lab: Lab,
  context: RunContext,
): Promise<QuantizedResult> {
  const { source, scheme, method = 'minMax', iterations, calibrationImages } = config;
  // What a method draws is drawn anew for each network, so that a spread over seeds has that in it too.
  const seed = 'training' in source ? source.training.seed : 0;
  const network = await ptqMethods[method].quantize({
    arch: source.arch,
    merged,
    scheme,
    calibration: await takeCalibration(lab.train, calibrationImages, 0),
    imageShape: lab.train.imageShape,
    seed,
    ...(iterations !== undefined && { iterations }),
    progress: context.progress,
    signal: context.signal,
  });
  return await finish(network, source.data, lab, context);
}

export async function executeFinetune(
  config: FinetuneConfig,
  source: Network,
  lab: Lab,
  context: RunContext,
): Promise<QuantizedResult> {
  const { scheme, training, through, cluster } = config;
  const { arch } = config.source;
  const throughBranches = through === 'branches';
  check(
    !throughBranches || source.form === 'training',
    'Fine-tuning through the branches needs a three-branch network, this one is merged; use through: "merged"',
  );
  const merged = source.form === 'merged' ? source.stateDict : mergeNetwork(arch, source.stateDict);
  const begin = throughBranches ? source.stateDict : merged;
  const ranges = await rangesOf(config, merged, lab);
  const fresh = () => finetuneState(begin, ranges, scheme, arch, config);
  const stepAt = finetuneSteps(arch, scheme, {
    ...training,
    ...precisionOptions(lab, training.batchSize),
    ...quantizersOf(config),
  });
  const { updateEvery } = { ...clusterDefaults, ...cluster };
  const steps = {
    at: stepAt,
    keyAt: (index: number) => finetuneKey(config, index % updateEvery === 0),
  };
  const { state, epochs } = await trainRun(config, lab, context, fresh, steps);
  const network = finetunedNetwork(
    arch,
    scheme,
    await toStateDict(state.params),
    await toStateDict(state.buffers),
    config,
  );
  disposeState(state);
  return { ...(await finish(network, config.source.data, lab, context)), epochs };
}

function quantizersOf({
  through,
  statistics,
  cluster,
  uniform,
  activations,
}: QuantizerOptions): QuantizerOptions {
  return {
    ...(through && { through }),
    ...(statistics && { statistics }),
    ...(cluster && { cluster }),
    ...(uniform && { uniform }),
    ...(activations && { activations }),
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

async function finish(
  network: QuantizedNetwork,
  data: DataConfig,
  lab: Lab,
  context: RunContext,
): Promise<QuantizedResult> {
  const { arch, stateDict, scheme, activations } = network;
  await saveQuantizedNetwork(join(context.folder, networkFile), network);
  const accuracy = await measureAccuracy(
    lab,
    { arch, stateDict, quantization: { scheme, activations } },
    data,
  );
  return { ...accuracy, stateSize: storedStates(network), network: networkFile };
}
