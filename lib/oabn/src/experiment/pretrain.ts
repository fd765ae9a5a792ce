/** Executes a pretraining run: a three-branch network from scratch to its FP32 accuracy. */
import { join } from 'node:path';
import { analyzeOutliers, mergeNetwork } from '../merge/index.js';
import { initialize, saveNetwork, toStateDict, toVariables } from '../model/index.js';
import { disposeState, initialState, pretrainStep } from '../train/index.js';
import type { PretrainConfig } from './config.js';
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
  const fresh = (): ReturnType<typeof initialState> => {
    const { params, buffers } = toVariables(initialize(arch, training.seed));
    return initialState(params, buffers);
  };
  const step = pretrainStep(arch, { ...training, ...precisionOptions(lab, training.batchSize) });
  const steps = { at: () => step, keyAt: () => stepKey(arch, training) };
  const { state, epochs } = await trainRun(config, lab, context, fresh, steps);
  const stateDict = await toStateDict(state.params, state.buffers);
  disposeState(state);
  await saveNetwork(join(context.folder, networkFile), { arch, stateDict, form: 'training' });
  const merged = mergeNetwork(arch, stateDict);
  const accuracy = await measureAccuracy(lab, { arch, stateDict: merged }, config.data);
  return { ...accuracy, epochs, outliers: analyzeOutliers(arch, stateDict), network: networkFile };
}
