/** Asking for a run: from the store if done, resumed if begun, else executed. */
import { join } from 'node:path';
import { loadNetwork, type Network } from '../model/index.js';
import { executePretrain } from './pretrain.js';
import { executeFinetune, executePtq } from './quantization.js';
import {
  type FinetuneConfig,
  normalizeConfig,
  type PretrainConfig,
  type PtqConfig,
  type RunConfig,
} from './config.js';
import type { Lab } from './lab.js';
import type { PretrainResult, QuantizedResult } from './results.js';
import type { RunContext, StoredRun } from './store/index.js';

export type ResultOf<C extends RunConfig> = C extends PretrainConfig ? PretrainResult : QuantizedResult;

/** The result of `config` with its provenance. The same configuration gives the same result from the store. */
export async function run<C extends RunConfig>(config: C, lab: Lab): Promise<StoredRun<ResultOf<C>>> {
  const normal = normalizeConfig(config);
  const execute = (context: RunContext): Promise<PretrainResult | QuantizedResult> => {
    switch (normal.kind) {
      case 'pretrain':
        return executePretrain(normal as PretrainConfig, lab, context);
      case 'ptq':
        return executePtq(normal as PtqConfig, lab, context);
      case 'finetune':
        return executeFinetune(normal as FinetuneConfig, lab, context);
      default:
        return normal satisfies never;
    }
  };
  return (await lab.request(normal, execute)) as StoredRun<ResultOf<C>>;
}

/** The folder of a finished pretraining run, which holds its network; the run is made if it is not there. */
export async function runFolder(config: PretrainConfig, lab: Lab): Promise<string> {
  return (await run(config, lab)).folder;
}

/** The three-branch network that a pretraining run ends with; the run is made if it is not there. */
export async function trainedNetwork(config: PretrainConfig, lab: Lab): Promise<Network> {
  const { folder, result } = await run(config, lab);
  return await loadNetwork(join(folder, result.network));
}
