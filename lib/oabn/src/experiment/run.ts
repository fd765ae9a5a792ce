/** Asking for a run: from the store if done, resumed if begun, else executed. */
import { join } from 'node:path';
import { check } from 'oabn-base';
import { mergeNetwork } from '../merge/index.js';
import { loadNetwork, type Network, type StateDict } from '../model/index.js';
import { executePretrain } from './pretrain.js';
import { executeFinetune, executePtq } from './quantization.js';
import {
  type CheckpointSource,
  type FinetuneConfig,
  type NetworkSource,
  normalizeConfig,
  type PretrainConfig,
  type PtqConfig,
  type RunConfig,
} from './config.js';
import type { Lab } from './lab.js';
import type { PretrainResult, QuantizedResult } from './results.js';
import type { RunContext, StoredRun } from 'provable-runs';

export type ResultOf<C extends RunConfig> = C extends PretrainConfig ? PretrainResult : QuantizedResult;

/**
 * The result of `config` with its provenance. The same configuration gives the same result from the store, or from those
 * that ship with the project, unless `files` says that the run's files are needed.
 */
export async function run<C extends RunConfig>(
  config: C,
  lab: Lab,
  options: { files?: boolean } = {},
): Promise<StoredRun<ResultOf<C>>> {
  const normal = normalizeConfig(config);
  const execute = async (context: RunContext): Promise<PretrainResult | QuantizedResult> => {
    switch (normal.kind) {
      case 'pretrain':
        return executePretrain(normal as PretrainConfig, lab, context);
      case 'ptq':
        return executePtq(normal as PtqConfig, await mergedSource(normal.source, lab), lab, context);
      case 'finetune':
        return executeFinetune(
          normal as FinetuneConfig,
          await sourceNetwork(normal.source, lab),
          lab,
          context,
        );
      default:
        return normal satisfies never;
    }
  };
  return (await lab.request(normal, execute, options)) as StoredRun<ResultOf<C>>;
}

/** The three-branch network that a pretraining run ends with; the run is made if it is not there. */
export async function trainedNetwork(config: PretrainConfig, lab: Lab): Promise<Network> {
  const { folder, result } = await run(config, lab, { files: true });
  return await loadNetwork(join(folder, result.network));
}

/** The network that a quantization run starts from, three-branch or merged. */
async function sourceNetwork(source: NetworkSource, lab: Lab): Promise<Network> {
  return source.kind === 'pretrain'
    ? await trainedNetwork(source, lab)
    : await loadNetwork(openedCheckpoint(source, lab), source.arch);
}

/** The network that a quantization run starts from, merged. */
export async function mergedSource(source: NetworkSource, lab: Lab): Promise<StateDict> {
  const { arch, stateDict, form } = await sourceNetwork(source, lab);
  return form === 'merged' ? stateDict : mergeNetwork(arch, stateDict);
}

function openedCheckpoint({ sha256 }: CheckpointSource, lab: Lab): string {
  const path = lab.checkpoints.get(sha256);
  check(path, `The checkpoint with SHA-256 ${sha256} is not open in this lab; open it with openCheckpoint`);
  return path;
}
