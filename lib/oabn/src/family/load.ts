/**
 * Networks from files of any family that the library can compute with: ours, RepVGG under other names,
 * families with a layout.
 */
import { check, sizeOf } from 'oabn-base';
import { describeTrace, findThresholdTrace } from '../merge/index.js';
import {
  type Architecture,
  checkFinite,
  describedIn,
  type Network,
  networkOf,
  normalizeArchitecture,
  readStateDict,
  type StateDict,
  type StateDictFile,
  unreadText,
} from '../model/index.js';
import { asNetwork, type AsNetwork } from './asNetwork.js';
import { asRepVGG } from './asRepVGG.js';
import { deadChannels, deadTolerance } from './deadChannels.js';
import { families } from './families.js';
import { leftoversOf } from './leftover.js';
import { mergeWithoutDead } from './merge.js';
import { missingModules } from './missing.js';
import { type Recognition, recognitions, recognize } from './recognize.js';
import { defaultEpsilon, type Family } from './table.js';

/** What is known about a file that the file itself does not say. */
export interface LoadOptions {
  /** Overrules what the file says of itself, and what its shapes say. */
  readonly arch?: Architecture | undefined;
  /** The stride of each stage's first block, for files that do not contain them; goes before those of `arch`. */
  readonly strides?: readonly number[] | undefined;
  /** How the file's names are read; default what they say. */
  readonly family?: Family | undefined;
  /** OABN's s, for a three-branch file that does not record it. */
  readonly threshold?: number | undefined;
  /**
   * Called with what was assumed, and when a network that is described as plain BN looks as if it had been
   * trained with OABN.
   */
  readonly notice?: (message: string) => void;
}

/**
 * Reads a network. @throws UserError as `loadNetwork`, and where the file is of a family that can only be
 * merged and analysed
 */
export async function loadRepVGG(path: string, options: LoadOptions = {}): Promise<Network> {
  return repVGGOf(path, await readStateDict(path), options);
}

/** What was read from `path` as a network. @throws as `loadRepVGG` */
export function repVGGOf(path: string, file: StateDictFile, options: LoadOptions = {}): Network {
  const { threshold, notice = () => {} } = options;
  const found = underAnyNames(path, file, options);
  if (found.form === 'merged') {
    if (threshold !== undefined) notice(`${path} is merged, so --threshold changes nothing`);
    return found;
  }
  check(
    threshold === undefined || found.metadata.arch === undefined,
    `${path} records its own threshold; --threshold is for files that do not`,
  );
  const oabn = threshold === undefined ? found.arch.oabn : { ...found.arch.oabn, threshold };
  const network = { ...found, arch: normalizeArchitecture({ ...found.arch, ...(oabn && { oabn }) }) };
  const trace = threshold === undefined && findThresholdTrace(network.arch, network.stateDict);
  if (trace) notice(`${path}: ${describeTrace(trace)}`);
  return network;
}

function underAnyNames(path: string, file: StateDictFile, options: LoadOptions): Network {
  const { strides, notice = () => {} } = options;
  const arch = options.arch && strides ? { ...options.arch, strides } : options.arch;
  const isOurs =
    'linear.weight' in file.stateDict &&
    Object.keys(file.stateDict).some((name) => name.startsWith('stage0.'));
  if (file.metadata.arch !== undefined) {
    for (const [option, given] of Object.entries({
      family: options.family,
      strides: arch ? undefined : strides,
    }))
      if (given !== undefined) notice(`${path} records its own architecture, so --${option} changes nothing`);
    const { oabn: own } = describedIn(file.metadata.arch, path);
    // --arch describes shapes; that it says nothing of OABN does not mean that the file is wrong about it.
    return networkOf(path, file, arch && own && !arch.oabn ? { ...arch, oabn: own } : arch);
  }
  if (arch && isOurs && !options.family) return networkOf(path, file, arch);
  // A file that we merged names its family: merged names alone do not tell all families apart.
  const family = options.family ?? families.find(({ name }) => name === file.metadata.family);
  checkUnread(path, file, family, notice);
  // Under the file's own names: a merged block would be blamed by ours.
  checkFinite(file.stateDict, path, 'the checkpoint is broken');
  const possible = recognitions(file.stateDict, family);
  const { family: told } = file.metadata;
  check(
    possible.length > 0 || arch !== undefined || told === undefined,
    `${path} is of the family ${told}, which only the JSON file that describes it knows; name that with --family`,
  );
  // A file of which nothing is known gets the message that asks for --arch.
  if (possible.length === 0) return networkOf(path, file, arch);
  const networks = possible.map((each) => computed(file.stateDict, each, options));
  const index = Math.max(
    0,
    networks.findIndex((each) => 'arch' in each),
  );
  const [network, recognition] = [networks[index]!, possible[index]!];
  check(
    !('reason' in network),
    () =>
      `${path} is of the family ${recognition.family.name}, and ${(network as { reason: string }).reason}: ${
        Object.keys(recognition.incomplete).length > 0
          ? 'the file is incomplete (oabn inspect says what else is missing)'
          : 'its blocks can be merged and analysed (oabn inspect, merge, doctor), but the network cannot be computed'
      }`,
  );
  const { assumptions, stateDict, arch: found } = network as AsNetwork;
  for (const assumption of assumptions) notice(`${path}: assumed are ${assumption}`);
  return networkOf(path, { ...file, stateDict, integers: {} }, found.operations ? found : (arch ?? found));
}

/**
 * Refuses tensors that are not read where the file, as this family, has them in a block; tells `notice` of the
 * others. @throws UserError naming the first with its type, and what to do
 */
export function checkUnread(
  path: string,
  { stateDict, unread = {} }: StateDictFile,
  family: Family | undefined,
  notice: (message: string) => void,
): void {
  if (Object.keys(unread).length === 0) return;
  const zeros = Object.entries(unread).map(([name, { shape }]) => [
    name,
    { shape, data: new Float32Array(sizeOf(shape)) },
  ]);
  const recognition = recognize({ ...stateDict, ...Object.fromEntries(zeros) }, family);
  for (const [name, tensor] of Object.entries(unread)) {
    check(!recognition || recognition.rest.includes(name), () => unreadText(path, name, tensor));
    notice(`${path}: tensor ${name} is left out, because its dtype ${tensor.dtype} is not read`);
  }
}

/**
 * What was recognized, as a network to compute with: RepVGG in the form that the file has, else the family's
 * own operations with its blocks merged. A layout that someone has described is taken at its word, even where
 * the blocks alone would make a RepVGG. @returns the reason where it is neither
 */
export function computed(
  stateDict: StateDict,
  recognition: Recognition,
  { arch, strides, threshold }: LoadOptions = {},
): AsNetwork | { readonly reason: string } {
  const { family, rest } = recognition;
  const isDescribed = family.layout !== undefined && !families.includes(family);
  const [missing] = isDescribed ? [] : Object.values(missingModules(Object.keys(stateDict), family));
  const canBeRepVGG = !isDescribed && missing === undefined;
  const repvgg = canBeRepVGG ? asRepVGG(stateDict, recognition, strides ?? arch?.strides) : undefined;
  if (repvgg && 'arch' in repvgg) return repvgg;
  const options = { strides, ...(threshold !== undefined && { threshold }) };
  const network = missing === undefined ? asNetwork(stateDict, recognition, options) : { reason: missing };
  if ('arch' in network) return network;
  const attention = leftoversOf(stateDict, rest).find(({ kind }) => kind === 'self-attention');
  if (attention) return { reason: `${attention.modules[0]} is self-attention` };
  if (family.notComputed !== undefined) return { reason: family.notComputed };
  return family.layout ? network : (repvgg ?? network);
}

/**
 * The merge of a network that was read from `stateDict`, its dead channels folded into the biases; undefined
 * where it has none, or where that is unknown because it was merged before.
 */
export function withoutDead(
  { arch, form, stateDict: own }: Pick<Network, 'arch' | 'form' | 'stateDict'>,
  stateDict: StateDict,
  recognition: Recognition,
  { strides, threshold }: LoadOptions = {},
): StateDict | undefined {
  const { epsilon = defaultEpsilon } = recognition.family;
  const branches = recognition.blocks.flatMap((block) => block.branches);
  if (!branches.some((branch) => deadChannels(branch, epsilon).length > 0)) return undefined;
  if (form === 'training') return arch.block === 'qarepvgg' ? undefined : mergeWithoutDead(arch, own);
  const network = asNetwork(stateDict, recognition, {
    ...{ strides, deadTolerance },
    ...(threshold !== undefined && { threshold }),
  });
  return 'arch' in network ? network.stateDict : undefined;
}

/** Tells `notice` where a RepVGG, under any names, shows OABN's trace. */
export function warnOfTrace(
  path: string,
  stateDict: StateDict,
  recognition: Recognition,
  notice: (message: string) => void,
): void {
  const network = asRepVGG(stateDict, recognition);
  const trace = 'arch' in network && findThresholdTrace(network.arch, network.stateDict);
  if (trace) notice(`${path}: ${describeTrace(trace)}`);
}
