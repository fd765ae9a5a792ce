/**
 * Which family a state dict belongs to, and which of its tensors are which: every table of every family is
 * matched against the names, larger blocks before smaller ones, and the family that explains the most tensors
 * is taken.
 */
import { errorMessage } from 'oabn-base';
import type { StateDict } from '../model/index.js';
import { branchesOf, type FoundBranch } from './branches.js';
import { families } from './families.js';
import { missingModules, remainsOf } from './missing.js';
import { type BlockTable, defaultEpsilon, type Family } from './table.js';

/** A re-parameterizable block, or a convolution with its BN, in a file. */
export interface FoundBlock {
  /** The block's name, without a final dot; empty where the whole file is one. */
  readonly name: string;
  /** The table that it matches. */
  readonly table: BlockTable;
  /** Its branches. */
  readonly branches: readonly FoundBranch[];
  /** All its tensors, including those of its BNs. */
  readonly tensors: readonly string[];
  /** Added to the variances of its BNs. */
  readonly epsilon: number;
}

/** A state dict taken apart: its blocks, and what belongs to none. */
export interface Recognition {
  /** The family that explains the tensors. */
  readonly family: Family;
  /** In natural order: stage 2 before stage 10. */
  readonly blocks: readonly FoundBlock[];
  /** Convolutions under a name that the family gives to merged blocks. */
  readonly merged: readonly string[];
  /**
   * Where a block of the family begins but something of it is missing, and modules that those after them
   * imply: name and reason.
   */
  readonly incomplete: Readonly<Record<string, string>>;
  /** Tensors that belong to no block: merging keeps them as they are. */
  readonly rest: readonly string[];
}

/** A family must explain this share of a file's tensors: others may share a name or two by chance. */
const leastExplained = 0.05;

/**
 * `stateDict` as the family that explains it best, or as the given one; undefined where no table finds a
 * block.
 */
export function recognize(stateDict: StateDict, family?: Family): Recognition | undefined {
  return recognitions(stateDict, family)[0];
}

/**
 * All families that explain as much as the best: the names of merged blocks do not always tell them apart.
 */
export function recognitions(stateDict: StateDict, family?: Family): Recognition[] {
  if (family) return [recognizeAs(stateDict, family)];
  const names = Object.keys(stateDict);
  const possible = families
    .filter(
      ({ recognisedBy }) =>
        recognisedBy === undefined || names.some((name) => new RegExp(recognisedBy).test(name)),
    )
    .map((one) => recognizeAs(stateDict, one));
  const explained = ({ rest, merged }: Recognition): number => names.length - rest.length + merged.length;
  const telling = possible.filter(
    (recognition) =>
      explained(recognition) >= leastExplained * names.length &&
      (recognition.merged.length > 0 || recognition.blocks.some(({ table }) => !table.ordinary)),
  );
  const most = Math.max(...telling.map(explained));
  return telling.filter((recognition) => explained(recognition) === most);
}

function recognizeAs(stateDict: StateDict, family: Family): Recognition {
  const broken: { name: string; key: string; reason: string }[] = [];
  const names = Object.keys(stateDict);
  const { epsilon = defaultEpsilon } = family;
  const candidates = family.blocks
    .flatMap((table) => placesOf(names, table).map((place) => ({ ...place, table })))
    .flatMap(({ prefix, key, table }): FoundBlock[] => {
      try {
        const branches = branchesOf({ stateDict, prefix, epsilon }, table);
        const tensors = branches.flatMap((branch) => branch.tensors);
        return [{ name: prefix.slice(0, -1), table, branches, tensors, epsilon }];
      } catch (error) {
        if (!isMergedAt(stateDict, prefix, table))
          broken.push({ name: prefix.slice(0, -1), key, reason: errorMessage(error) });
        return [];
      }
    })
    .sort((a, b) => b.tensors.length - a.tensors.length);
  const taken = new Set<string>();
  const blocks = candidates.filter(({ tensors }) => {
    if (tensors.some((name) => taken.has(name))) return false;
    tensors.forEach((name) => taken.add(name));
    return true;
  });
  const incomplete = broken
    .filter(({ key }) => !taken.has(key))
    .map(({ name, reason }) => [name, reason] as const);
  const rest = names.filter((name) => !taken.has(name));
  const remains = remainsOf(rest, family.blocks)
    .filter(({ prefix, table }) => !isMergedAt(stateDict, prefix, table))
    .map(({ prefix, reason }) => [prefix.slice(0, -1), reason] as const);
  const merged = mergedNames(names, family).filter((name) => !taken.has(`${name}.weight`));
  return {
    family,
    blocks: blocks.sort((a, b) => naturally(a.name, b.name)),
    merged,
    // A family that the reader describes may number what has no tensors, too.
    incomplete: {
      ...(families.includes(family) && missingModules(names, family)),
      ...Object.fromEntries([...remains, ...incomplete]),
    },
    rest,
  };
}

/** Whether the convolution that a block of this table is merged to is there, with the bias that merging leaves. */
function isMergedAt(stateDict: StateDict, prefix: string, { merged }: BlockTable): boolean {
  const module = merged === '' ? prefix.slice(0, -1) : prefix + merged;
  return `${module}.weight` in stateDict && `${module}.bias` in stateDict;
}

/** The prefixes, with their final dots, below which a table's block may be, and the tensor that says so. */
function placesOf(names: readonly string[], { keys, unless }: BlockTable): { prefix: string; key: string }[] {
  const keyOf = new Map<string, string>();
  for (const name of names) {
    const key = keys.find((key) => name === key || name.endsWith(`.${key}`));
    if (key !== undefined) keyOf.set(name.slice(0, name.length - key.length), name);
  }
  const known = new Set(names);
  return [...keyOf]
    .map(([prefix, key]) => ({ prefix, key }))
    .filter(({ prefix }) => unless === undefined || !known.has(prefix + unless));
}

/**
 * Modules that bear the name of a merged block, such as `stage1.0.rbr_reparam`. Plain names such as `conv`
 * say nothing, except of a family that the reader names, and with the bias that merging leaves.
 */
function mergedNames(names: readonly string[], family: Family): string[] {
  const isKnown = families.includes(family);
  const all = new Set(names);
  const endings = [...new Set(family.blocks.map(({ merged }) => merged))]
    .filter((merged) => merged.includes('_') || (!isKnown && merged !== ''))
    .map((merged) => `${merged}.weight`);
  return names
    .filter((name) => endings.some((ending) => name === ending || name.endsWith(`.${ending}`)))
    .map((name) => name.slice(0, -'.weight'.length))
    .filter((module) => isKnown || all.has(`${module}.bias`));
}

/** Compares names with the numbers in them as numbers. */
export function naturally(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
