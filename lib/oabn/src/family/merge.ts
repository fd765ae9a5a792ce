/**
 * Merging blocks of any family: every branch as a convolution, their sum, rounded once. The merged file has
 * the names that the family's own code gives to merged blocks, and to a classifier if it merges that too, so
 * that this code can load it; all other tensors stay as they were.
 */
import { check, type HostTensor } from 'oabn-base';
import { isOfPaper, withoutLimits } from '../merge/index.js';
import { type Architecture, checkFinite, type StateDict } from '../model/index.js';
import { mergedClassifier } from './classifier.js';
import { type Convolution, sumOf } from './convolution.js';
import { deadChannels, deadTolerance, foldDead } from './deadChannels.js';
import { rootsOf } from './moduleNames.js';
import { type FoundBlock, type Recognition, recognize } from './recognize.js';
import { defaultEpsilon } from './table.js';

/** One branch's share of a merged block. */
export interface Share {
  /** The branch's name for people. */
  readonly label: string;
  /** What it contributes, at the size of the merged kernel. */
  readonly convolution: Convolution;
}

/** How a recognized network is merged. */
export interface MergeOptions {
  /** OABN's s, for a network trained with it: limits |γ/σ| of the identity branches' BNs. */
  readonly threshold?: number;
  /**
   * Folds identity branches of dead channels into the bias, as `deadChannels.ts` says; the tolerance, or
   * none.
   */
  readonly deadTolerance?: number;
  /**
   * Folds the BNs of ordinary convolutions as well; default false, because the families' own merged networks
   * keep them. Families that are nothing but convolutions with BN are always folded.
   */
  readonly foldOrdinary?: boolean;
}

/** What each branch of a block contributes to the merged convolution. */
export function sharesOf(block: FoundBlock, { threshold, deadTolerance }: MergeOptions = {}): Share[] {
  return block.branches.map((branch) => {
    const convolution = branch.convolution(threshold);
    return {
      label: branch.label,
      convolution:
        deadTolerance === undefined || !branch.input
          ? convolution
          : foldDead(convolution, branch.input, deadChannels(branch, block.epsilon, deadTolerance)),
    };
  });
}

/** A block as one convolution. */
export function mergeFound(block: FoundBlock, options: MergeOptions = {}): Convolution {
  return sumOf(sharesOf(block, options).map(({ convolution }) => convolution));
}

/** The module that a merged block is stored as. */
export function mergedName({ name, table: { merged } }: FoundBlock): string {
  return [name, merged].filter((part) => part !== '').join('.');
}

/**
 * The whole file merged. @throws UserError where a block is incomplete, or a merged block would take the name
 * of a tensor that stays, or where it is not finite
 */
export function mergeRecognized(
  stateDict: StateDict,
  recognition: Recognition,
  options: MergeOptions = {},
): StateDict {
  const { blocks, incomplete, rest } = recognition;
  const [broken] = Object.entries(incomplete);
  check(!broken, () => `The block ${broken![0]} is incomplete: ${broken![1]}`);
  check(blocks.length > 0, 'There is nothing to merge: no block with branches or a BN was found');
  const [taken, kept] = partition(blocks, ({ table }) => options.foldOrdinary === true || !table.ordinary);
  const { layout, epsilon = defaultEpsilon } = recognition.family;
  const classifier =
    layout &&
    mergedClassifier(stateDict, layout.classifier, {
      roots: rootsOf(layout, Object.keys(stateDict)),
      epsilon,
    });
  const parts = new Set(classifier?.tensors);
  const merged: Record<string, HostTensor<Float32Array>> = {};
  for (const name of [...rest, ...kept.flatMap(({ tensors }) => tensors)])
    if (!parts.has(name)) merged[name] = stateDict[name]!;
  for (const block of taken) {
    const { shape, kernel, bias } = mergeFound(block, options);
    const module = mergedName(block);
    check(
      !(`${module}.weight` in merged),
      `${module}.weight is already in the file, in addition to its branches`,
    );
    merged[`${module}.weight`] = { shape, data: Float32Array.from(kernel) };
    merged[`${module}.bias`] = { shape: [shape[0]], data: Float32Array.from(bias) };
  }
  if (classifier) {
    merged[`${classifier.name}.weight`] = classifier.weight;
    merged[`${classifier.name}.bias`] = classifier.bias;
  }
  checkFinite(
    merged,
    'Merging',
    'weights or γ/σ are too large for single precision there, or σ² is negative',
  );
  return merged;
}

/**
 * `mergeNetwork` of a three-branch RepVGG, with dead channels folded into the biases.
 * @throws UserError for a network that is merged already
 */
export function mergeWithoutDead(
  arch: Architecture,
  stateDict: StateDict,
  tolerance = deadTolerance,
): StateDict {
  const plain = isOfPaper(arch) ? stateDict : withoutLimits(arch, stateDict).stateDict;
  const recognition = recognize(plain);
  check(
    recognition,
    'Only the three-branch form knows which channels are dead; this network is merged already',
  );
  return mergeRecognized(plain, recognition, {
    deadTolerance: tolerance,
    ...(plain === stateDict && arch.oabn && { threshold: arch.oabn.threshold }),
  });
}

function partition<T>(values: readonly T[], holds: (value: T) => boolean): [T[], T[]] {
  return [values.filter(holds), values.filter((value) => !holds(value))];
}
