/**
 * What a file is, in rows for people: blocks that were recognized, those already merged, and tensors that
 * belong to none.
 */
import type { Architecture, StateDict } from '../model/index.js';
import { type Leftover, leftoversOf } from './leftover.js';
import { computed } from './load.js';
import type { FoundBlock, Recognition } from './recognize.js';
import { defaultEpsilon } from './table.js';

/** What a state dict was recognized as, for people and for `--json`. */
export interface FamilyReport {
  /** The family's name. */
  readonly family: string;
  /** Its name for people. */
  readonly title: string;
  /** The paper, or the code whose names these are. */
  readonly source?: string;
  /** Added to the variances of its BNs. */
  readonly epsilon: number;
  /** The blocks that were recognized. */
  readonly blocks: readonly BlockReport[];
  /** Modules that are already merged convolutions. */
  readonly merged: readonly string[];
  /** Blocks of which something is missing, with the reason. */
  readonly incomplete: Readonly<Record<string, string>>;
  /** Tensors that belong to no block. */
  readonly rest: readonly string[];
  /** The modules that they belong to, by kind. */
  readonly leftovers: readonly Leftover[];
  /** What was assumed without a tensor that shows it, in words. */
  readonly assumptions: readonly string[];
  /**
   * Where it is RepVGG, or what stands between its blocks is known: it can be evaluated and quantized here.
   */
  readonly arch?: Architecture;
  /** Why it cannot. */
  readonly notComputed?: string;
}

/** A block of a recognized network. */
export interface BlockReport {
  /** The block's name. */
  readonly block: string;
  /** The kind of block, such as «RepVGG block». */
  readonly kind: string;
  /** [out, in per group, kh, kw] of the merged kernel. */
  readonly shape: readonly number[];
  /** Its branches, by their names for people. */
  readonly branches: readonly string[];
}

/** The report on a recognized file; `described` is what the file says of its network, which needs no guess. */
export function describeRecognition(
  stateDict: StateDict,
  recognition: Recognition,
  described?: Architecture,
): FamilyReport {
  const { family, blocks, merged, incomplete, rest } = recognition;
  const ofMerged = new Set(merged.flatMap((module) => [`${module}.weight`, `${module}.bias`]));
  const network = described ? { arch: described, assumptions: [] } : computed(stateDict, recognition);
  const unmerged = rest.filter((name) => !ofMerged.has(name));
  const { epsilon = defaultEpsilon } = family;
  const assumed = [
    ...(epsilon === defaultEpsilon || blocks.length === 0
      ? []
      : [`ε = ${epsilon} in every BN, as ${family.name} has it`]),
    ...blocks.flatMap(({ branches }) => branches.flatMap(({ assumption }) => assumption ?? [])),
    ...blocks.flatMap(({ table }) => table.assumption ?? []),
  ];
  return {
    family: family.name,
    title: family.title ?? family.name,
    ...(family.source !== undefined && { source: family.source }),
    epsilon,
    blocks: blocks.map(describeBlock),
    merged,
    incomplete,
    rest: unmerged,
    leftovers: leftoversOf(stateDict, unmerged),
    assumptions: [...new Set(assumed), ...('arch' in network ? network.assumptions : [])],
    ...('arch' in network ? { arch: network.arch } : { notComputed: network.reason }),
  };
}

function describeBlock({ name, table, branches }: FoundBlock): BlockReport {
  const shapes = branches.map(({ shape }) => shape);
  const largest = (axis: number): number => Math.max(...shapes.map((shape) => shape[axis]!));
  return {
    block: name,
    kind: table.title ?? 'block',
    shape: [shapes[0]![0], shapes[0]![1], largest(2), largest(3)],
    branches: branches.map(({ label }) => label),
  };
}
