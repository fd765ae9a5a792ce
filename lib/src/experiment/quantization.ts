/** Executes the runs that quantize a `merged` network: post-training quantization and quantization-aware fine-tuning. */
import { join } from 'node:path';
import { takeCalibration } from '../data/index.js';
import { type StateDict, toStateDict } from '../model/index.js';
import {
  type ActivationRanges,
  calibrate,
  type QuantizedNetwork,
  ptqMethods,
  saveQuantizedNetwork,
  stateSize,
} from '../quantize/index.js';
import { disposeState, finetunedNetwork, finetuneState, finetuneSteps } from '../train/index.js';
import type { DataConfig, FinetuneConfig, NetworkSource, PtqConfig } from './config.js';
import type { Lab } from './lab.js';
import { measureAccuracy } from './measure.js';
import { networkFile } from './pretrain.js';
import type { QuantizedResult } from './results.js';
import type { RunContext } from './store/index.js';
import { stepKey, trainRun } from './training.js';

export async function executePtq(
  config: PtqConfig,
  merged: StateDict,
  lab: Lab,
  context: RunContext,
): Promise<QuantizedResult> {
  const { source, scheme, method = 'minMax', calibrationImages } = config;
  const network = await ptqMethods[method].quantize({
    arch: source.arch,
    merged,
    scheme,
    calibration: await takeCalibration(lab.train, calibrationImages, 0),
    imageShape: lab.train.imageShape,
    seed: 0,
    progress: context.progress,
    signal: context.signal,
  });
  return await finish(network, source.data, lab, context);
}

export async function executeFinetune(
  config: FinetuneConfig,
  merged: StateDict,
  lab: Lab,
  context: RunContext,
): Promise<QuantizedResult> {
  const { source, scheme, training, cluster, calibrationImages } = config;
  const { arch } = source;
  const ranges = await calibrateOn(lab, source, merged, calibrationImages);
  const fresh = () => finetuneState(merged, ranges, scheme, arch, cluster);
  const stepAt = finetuneSteps(arch, scheme, { ...training, ...(cluster && { cluster }) });
  // Of the architecture and the cluster options, the step depends on these alone.
  const { widths, depths, strides, classes } = arch;
  const { update = 'lloyd', updateEvery = 1 } = cluster ?? {};
  const steps = {
    at: stepAt,
    keyAt: (index: number) =>
      stepKey({ widths, depths, strides, classes }, training, {
        scheme,
        update,
        moves: index % updateEvery === 0,
      }),
  };
  const { state, epochs } = await trainRun(config, lab, context, fresh, steps);
  const network = finetunedNetwork(
    arch,
    scheme,
    await toStateDict(state.params),
    await toStateDict(state.buffers),
  );
  disposeState(state);
  return { ...(await finish(network, source.data, lab, context)), epochs };
}

async function calibrateOn(
  lab: Lab,
  source: NetworkSource,
  merged: StateDict,
  images: number,
): Promise<ActivationRanges> {
  const batch = await takeCalibration(lab.train, images, 0);
  return await calibrate(source.arch, merged, [batch]);
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
  return { ...accuracy, stateSize: stateSize(arch, stateDict), network: networkFile };
}
