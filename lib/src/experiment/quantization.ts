/** Executes the runs that quantize a merged network: post-training quantization and quantization-aware fine-tuning. */
import { join } from 'node:path';
import { check } from '../base/index.js';
import { takeCalibration } from '../data/index.js';
import { mergeNetwork } from '../merge/index.js';
import { loadNetwork, type StateDict, toStateDict } from '../model/index.js';
import {
  type ActivationRanges,
  calibrate,
  type QuantizedNetwork,
  quantizeNetwork,
  saveQuantizedNetwork,
  stateSize,
} from '../quantize/index.js';
import { disposeState, finetunedNetwork, finetuneState, finetuneSteps } from '../train/index.js';
import type { DataConfig, FinetuneConfig, NetworkSource, PtqConfig } from './config.js';
import type { Lab } from './lab.js';
import { measureAccuracy } from './measure.js';
import { networkFile } from './pretrain.js';
import type { QuantizedResult } from './results.js';
import { runFolder } from './run.js';
import type { RunContext } from './store/index.js';
import { stepKey, trainRun } from './training.js';

export async function executePtq(config: PtqConfig, lab: Lab, context: RunContext): Promise<QuantizedResult> {
  const { source, scheme, calibrationImages } = config;
  const merged = await mergedNetwork(source, lab);
  const ranges = await calibrateOn(lab, source, merged, calibrationImages);
  return await finish(quantizeNetwork(source.arch, merged, ranges, scheme), source.data, lab, context);
}

export async function executeFinetune(
  config: FinetuneConfig,
  lab: Lab,
  context: RunContext,
): Promise<QuantizedResult> {
  const { source, scheme, training, cluster, calibrationImages } = config;
  const { arch } = source;
  const merged = await mergedNetwork(source, lab);
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

/** The merged network that a quantization run starts from; a pretraining run that is not there yet is made. */
export async function mergedNetwork(source: NetworkSource, lab: Lab): Promise<StateDict> {
  const path =
    source.kind === 'pretrain'
      ? join(await runFolder(source, lab), networkFile)
      : lab.checkpoints.get(source.sha256);
  check(
    path,
    () =>
      `The checkpoint with SHA-256 ${source.kind === 'checkpoint' && source.sha256} is not open in this lab; open it with openCheckpoint`,
  );
  const { stateDict, form } = await loadNetwork(path, source.arch);
  return form === 'merged' ? stateDict : mergeNetwork(source.arch, stateDict);
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
    data.testImages,
  );
  return { ...accuracy, stateSize: stateSize(arch, stateDict), network: networkFile };
}
