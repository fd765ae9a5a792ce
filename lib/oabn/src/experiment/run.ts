/**
 * Requests for runs: answered from the store if done, resumed if begun, executed otherwise. And the networks
 * that runs produce.
 */
import { join } from 'node:path';
import { check, fileDigest } from 'oabn-base';
import type { RunContext, StoredRun } from 'provable-runs';
import { datasetTitle } from '../data/index.js';
import { loadRepVGG, type LoadOptions } from '../family/index.js';
import { mergedOf } from '../merge/index.js';
import { type Architecture, loadNetwork, type Network, type StateDict } from '../model/index.js';
import {
  type CheckpointSource,
  describeNetwork,
  kindOf,
  type NetworkSource,
  normalizeConfig,
  type PretrainConfig,
  type ResultOf,
  type RunConfig,
  sourceOf,
  storedConfig,
} from './kinds/index.js';
import type { Lab } from './lab.js';
import { trainingImages } from './settings.js';

/**
 * The result of `config` with its provenance. The same configuration gives the same result from the store, or
 * from those that ship with the project, unless `files` says that the run's files are needed.
 */
export async function run<C extends RunConfig>(
  lab: Lab,
  config: C,
  { files = false }: { readonly files?: boolean } = {},
): Promise<StoredRun<ResultOf<C>, C>> {
  const kind = kindOf(config);
  // A copy: the caller may change its object while the run is computed.
  const normal = normalizeConfig(structuredClone(config));
  const seed = kind.seed(normal);
  const source = sourceOf(normal);
  const start = async (context: RunContext): Promise<Network> => {
    check(source, () => `${kind.describe(normal)} does not start from a network`);
    if (source.kind === 'pretrain') context.addProvenance({ inputs: await networkDigest(lab, source) });
    return await sourceNetwork(lab, source);
  };
  const execute = (context: RunContext): Promise<ResultOf<C>> =>
    kind.execute({ config: normal, lab, context, start: () => start(context) });
  const answer = await lab.request(storedConfig(normal), execute, {
    files,
    ...(seed !== undefined && { seed }),
    ...(source?.kind === 'pretrain' && { startsFrom: storedConfig(source) }),
  });
  return { ...answer, config: normal, result: kind.readResult?.(answer.result) ?? answer.result };
}

/** A network, and where it comes from, in the words of a caption. */
export interface SourcedNetwork extends Network {
  /** Such as «OABN s=0.5». */
  readonly name: string;
  /** Such as «CIFAR-10 · 20000 training images × 1 epoch · seed 1». */
  readonly source: string;
}

/**
 * The three-branch network that a pretraining run ends with; the run is computed if it is not in the store.
 */
export async function trainedNetwork(lab: Lab, config: PretrainConfig): Promise<SourcedNetwork> {
  const { folder, result } = await run(lab, config, { files: true });
  const { epochs } = config.training.schedule;
  const images = trainingImages(config.training, config.data, lab.train.size);
  const { arch, training } = config;
  return {
    ...(await loadNetwork(join(folder, result.network))),
    name: describeNetwork(arch),
    source:
      `${datasetTitle(lab.train)} · ${images} training images × ${epochs === 1 ? '1 epoch' : `${epochs} epochs`} · ` +
      `seed ${training.seed}`,
  };
}

/** Which bytes the network of a pretraining run is, for the provenance of runs that start from it. */
async function networkDigest(lab: Lab, config: PretrainConfig): Promise<Record<string, string>> {
  const { hash, folder, result } = await run(lab, config, { files: true });
  return { [`${hash}/${result.network}`]: await fileDigest(join(folder, result.network)) };
}

/** The network that a quantization run starts from, three-branch or merged. */
async function sourceNetwork(lab: Lab, source: NetworkSource): Promise<Network> {
  if (source.kind === 'pretrain') return await trainedNetwork(lab, source);
  return { ...(await openedCheckpoint(lab, source)()), arch: source.arch };
}

/** The network that a quantization run starts from, merged. */
export async function mergedSource(lab: Lab, source: NetworkSource): Promise<StateDict> {
  return mergedOf(await sourceNetwork(lab, source));
}

/**
 * A checkpoint from elsewhere as the source of quantization runs in `lab`: ours, or one of a family that the
 * library computes. `options` say what the file itself does not, or are just its architecture.
 */
export async function openCheckpoint(
  lab: Lab,
  path: string,
  options: LoadOptions | Architecture = {},
): Promise<CheckpointSource> {
  const given: LoadOptions = 'widths' in options ? { arch: options } : options;
  const network = await loadRepVGG(path, given);
  const sha256 = await fileDigest(path);
  // What was reported once need not be repeated when a run reads the file again.
  const { notice: _said, ...silent } = given;
  lab.checkpoints.set(sha256, () => loadRepVGG(path, silent));
  return { kind: 'checkpoint', sha256, data: lab.data, arch: network.arch };
}

function openedCheckpoint(lab: Lab, { sha256 }: CheckpointSource): () => Promise<Network> {
  const open = lab.checkpoints.get(sha256);
  check(open, `The checkpoint with SHA-256 ${sha256} is not open in this lab; open it with openCheckpoint`);
  return open;
}
