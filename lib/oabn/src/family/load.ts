/** Networks from files of any family that the library can compute with: ours, and RepVGG under other names. */
import { check } from 'oabn-base';
import {
  type Architecture,
  type Network,
  networkOf,
  readStateDict,
  type StateDictFile,
} from '../model/index.js';
import { asRepVGG } from './asRepVGG.js';
import { recognize } from './recognize.js';

export interface LoadOptions {
  /** Overrules what the file says of itself, and what its shapes say. */
  readonly arch?: Architecture | undefined;
  /** Of each stage's first block, for files that do not say them. */
  readonly strides?: readonly number[] | undefined;
  /** Is told what was taken for granted. */
  readonly notice?: (message: string) => void;
}

/** Reads a network. @throws UserError as `loadNetwork`, and where the file is of a family that is only merged and analysed */
export async function loadRepVGG(path: string, options: LoadOptions = {}): Promise<Network> {
  return repVGGOf(path, await readStateDict(path), options);
}

/** What was read from `path` as a network. */
export function repVGGOf(
  path: string,
  file: StateDictFile,
  { arch, strides, notice = () => {} }: LoadOptions = {},
): Network {
  const isOurs =
    'linear.weight' in file.stateDict &&
    Object.keys(file.stateDict).some((name) => name.startsWith('stage0.'));
  if (file.metadata.arch !== undefined || (arch && isOurs)) return networkOf(path, file, arch);
  const recognition = recognize(file.stateDict);
  // A file that nothing is known of gets the message that asks for --arch.
  if (!recognition) return networkOf(path, file, arch);
  const network = asRepVGG(file.stateDict, recognition, strides ?? arch?.strides);
  check(
    !('reason' in network),
    () =>
      `${path} is of the family ${recognition.family.name}, and ${(network as { reason: string }).reason}: its blocks can be ` +
      'merged and analysed (oabn inspect, merge, doctor), but only RepVGG networks are computed here',
  );
  const { assumptions, stateDict } = network as Exclude<typeof network, { reason: string }>;
  for (const assumption of assumptions) notice(`${path}: taken for granted are ${assumption}`);
  return networkOf(path, { ...file, stateDict }, arch ?? (network as { arch: Architecture }).arch);
}
