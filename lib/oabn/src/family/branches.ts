/**
 * A block's table compared with a state dict: which of its terms are there, under which names, and what
 * convolution each of them is. Nothing is computed before it is needed, so a file of any size is recognized
 * at once.
 */
import { check } from 'oabn-base';
import { get } from '../model/index.js';
import {
  affine,
  averageConvolution,
  type Convolution,
  identityConvolution,
  inSequence,
  type KernelShape,
} from './convolution.js';
import { batchNormAt, hasBn, hasConvolution, kernelShape, type Place } from './place.js';
import { type BlockTable, termKind, type Term } from './table.js';

/** A branch of a block in a file. */
export interface FoundBranch {
  /** Its name for readers: `3×3`, `identity`, `average 3×3`, `1×1 → 3×3`. */
  readonly label: string;
  /** The size of its kernel, before it is embedded in a larger one. */
  readonly shape: KernelShape;
  /** The names of its tensors. */
  readonly tensors: readonly string[];
  /**
   * The convolution that it is, including its BN and its scale; an OABN threshold limits the ratios of an
   * identity's BN.
   */
  readonly convolution: (threshold?: number) => Convolution;
  /** For an identity with BN: the running statistics of the block's input, [channels]. */
  readonly input?: { readonly mean: Float32Array; readonly variance: Float32Array };
  /** What is assumed without a tensor that shows it. */
  readonly assumption?: string;
}

/** What must be known of a block before its terms: the channels and the largest kernel. */
interface Frame {
  readonly out: number;
  readonly inPerGroup: number;
  readonly size: number;
  /** The output channels of the block of this kind whose number is one less, if there is one. */
  readonly before: () => number | undefined;
}

/**
 * The branches of the block at a place. @throws UserError where a tensor is missing that must accompany those
 * in the file
 */
export function branchesOf(place: Place, table: BlockTable): FoundBranch[] {
  const frame = { ...frameOf(place, table.terms), before: () => channelsBefore(place, table) };
  const branches = table.terms.flatMap((term) => branchesOfTerm(place, term, frame));
  check(branches.length > 0, `${place.prefix} has no branch`);
  return table.bn === undefined ? branches : afterBn(place, table.bn, branches);
}

function branchesOfTerm(place: Place, term: Term, frame: Frame): FoundBranch[] {
  if (term.unless !== undefined && place.prefix + term.unless in place.stateDict) return [];
  if (term.sameShape === true && !keepsChannels(frame)) return [];
  const inner = expand(place, term).flatMap((one) => plainBranches(place, one, frame));
  if (inner.length === 0) return [];
  return scaled(place, term, inner);
}

/** A term with `*` as one term for each number that the file has, in order. */
function expand({ stateDict, prefix }: Place, term: Term): Term[] {
  if (!term.conv?.includes('*')) return [term];
  const at = (text: string, index: number): string => text.replace('*', String(index));
  const terms: Term[] = [];
  for (let index = 0; `${prefix}${at(term.conv, index)}.weight` in stateDict; index++) {
    terms.push({
      ...term,
      conv: at(term.conv, index),
      ...(term.bn !== undefined && { bn: at(term.bn, index) }),
    });
  }
  return terms;
}

/**
 * What a term is with its BN, before its scale; several branches for a sum, none where its tensors are not
 * there.
 */
function plainBranches(place: Place, term: Term, frame: Frame): FoundBranch[] {
  const kind = termKind(term);
  const normalized = (branches: FoundBranch[]): FoundBranch[] =>
    term.bn === undefined ? branches : afterBn(place, term.bn, branches);
  switch (kind) {
    case 'conv':
      return hasConvolution(place, term.conv) ? normalized([convolutionBranch(place, term)]) : [];
    case 'identity':
      return identityIsThere(place, term, frame) ? normalized([identityBranch(term, frame)]) : [];
    case 'averagePool': {
      if (term.bn !== undefined && !hasBn(place, term.bn)) return [];
      return normalized([averageBranch(term, frame)]);
    }
    case 'chain': {
      const first = term.chain![0]!;
      if (first.conv === undefined || !hasConvolution(place, first.conv)) return [];
      return normalized([chainBranch(place, term.chain!, frame)]);
    }
    case 'sum':
      return normalized(term.sum!.flatMap((inner) => branchesOfTerm(place, inner, frame)));
    default:
      return kind satisfies never;
  }
}

function convolutionBranch({ stateDict, prefix }: Place, { conv, plusIdentity }: Term): FoundBranch {
  const name = `${prefix}${conv}.weight`;
  const shape = kernelShape(stateDict, name);
  const biasName = `${prefix}${conv}.bias`;
  const bias = stateDict[biasName];
  return {
    label: `${shape[2]}×${shape[3]}`,
    shape,
    tensors: bias ? [name, biasName] : [name],
    convolution: () => {
      const kernel = Float64Array.from(get(stateDict, name).data);
      if (plusIdentity)
        identityConvolution(shape[0], shape[1]).kernel.forEach((one, i) => (kernel[i]! += one));
      return { shape, kernel, bias: bias ? Float64Array.from(bias.data) : new Float64Array(shape[0]) };
    },
  };
}

function identityBranch({ identity }: Term, { out, inPerGroup }: Frame): FoundBranch {
  return {
    label: 'identity',
    shape: [out, inPerGroup, 1, 1],
    tensors: [],
    convolution: () => identityConvolution(out, inPerGroup),
    ...(identity === 'sameShape' && {
      assumption: `an identity branch, which has no tensors, where the channels stay the same (${out})`,
    }),
  };
}

function averageBranch({ averagePool, sameShape }: Term, { out, inPerGroup, size }: Frame): FoundBranch {
  const side = averagePool === 'kernel' ? size : (averagePool as number);
  return {
    label: `average ${side}×${side}`,
    shape: [out, inPerGroup, side, side],
    tensors: [],
    convolution: () => averageConvolution(out, inPerGroup, side),
    ...(sameShape === true && {
      assumption: `an average over ${side}×${side} pixels, which has no tensors, where the channels stay the same (${out})`,
    }),
  };
}

function chainBranch(place: Place, chain: readonly Term[], frame: Frame): FoundBranch {
  const middle = { ...frame, inPerGroup: 1 };
  const there = chain.flatMap((term, i) => branchesOfTerm(place, term, i === 0 ? frame : middle));
  check(there.length === chain.length, `${place.prefix} has the first part of a chain without the rest`);
  const [, , height, width] = there.at(-1)!.shape;
  return {
    shape: [there.at(-1)!.shape[0], there[0]!.shape[1], height, width],
    label: there.map(({ label }) => label).join(' → '),
    tensors: there.flatMap(({ tensors }) => tensors),
    convolution: () => there.map((link) => link.convolution()).reduce(inSequence),
  };
}

/** A BN on what branches sum to: each is multiplied by its ratio; the first one takes the shift. */
function afterBn(place: Place, name: string, branches: readonly FoundBranch[]): FoundBranch[] {
  const bn = batchNormAt(place, name);
  return branches.map((branch, i) => {
    const isIdentity = branches.length === 1 && branch.label === 'identity';
    return {
      ...branch,
      tensors: i === 0 ? [...branch.tensors, ...bn.tensors] : branch.tensors,
      ...(isIdentity && { input: { mean: bn.mean, variance: bn.variance } }),
      convolution: (threshold) => {
        const inner = branch.convolution(threshold);
        checkChannels(place, name, bn.variance, inner);
        const ratio = bn.ratio(isIdentity ? threshold : undefined);
        return affine(inner, ratio, i === 0 ? bn.shift(ratio) : undefined);
      },
    };
  });
}

function scaled(
  { stateDict, prefix }: Place,
  { scale, subtract }: Term,
  branches: readonly FoundBranch[],
): FoundBranch[] {
  const name = prefix + (scale ?? '');
  const tensor = scale === undefined ? undefined : stateDict[name];
  if (!tensor && !subtract) return [...branches];
  const sign = subtract ? -1 : 1;
  return branches.map((branch, i) => ({
    ...branch,
    tensors: tensor && i === 0 ? [...branch.tensors, name] : branch.tensors,
    convolution: (threshold) => {
      const inner = branch.convolution(threshold);
      const out = inner.shape[0];
      const of = (channel: number): number => {
        if (!tensor) return 1;
        return tensor.data[tensor.data.length === 1 ? 0 : channel]!;
      };
      check(
        !tensor || tensor.data.length === out || tensor.data.length === 1,
        () => `${name} has ${tensor!.data.length} elements, its branch ${out} channels`,
      );
      return affine(
        inner,
        Float64Array.from({ length: out }, (_, channel) => sign * of(channel)),
      );
    },
  }));
}

function checkChannels({ prefix }: Place, bn: string, variance: Float32Array, { shape }: Convolution): void {
  check(
    variance.length === shape[0],
    `${prefix}${bn} normalizes ${variance.length} channels, its branch has ${shape[0]}`,
  );
}

function identityIsThere({ stateDict, prefix, ...place }: Place, term: Term, frame: Frame): boolean {
  if (term.identity === 'always') return true;
  if (term.identity === 'sameShape') return keepsChannels(frame);
  return term.bn === undefined
    ? prefix + term.scale! in stateDict
    : hasBn({ stateDict, prefix, ...place }, term.bn);
}

/**
 * Dense with as many input as output channels, depthwise, or in groups after a block of as many: a dense
 * kernel takes all channels of the block before it.
 */
function keepsChannels({ out, inPerGroup, before }: Frame): boolean {
  return inPerGroup === out || inPerGroup === 1 || (out % inPerGroup === 0 && before() === out);
}

/** `stage1.2` comes after `stage1.1`; of a block without a number it is not known what comes before it. */
function channelsBefore(place: Place, { keys, terms }: BlockTable): number | undefined {
  const [, root, number] = /^(.*?)(\d+)\.$/.exec(place.prefix) ?? [];
  if (root === undefined) return undefined;
  const previous = { ...place, prefix: `${root}${Number(number) - 1}.` };
  const isThere = keys.some((key) => previous.prefix + key in place.stateDict);
  return isThere ? frameOf(previous, terms).out : undefined;
}

/**
 * The frame that a block's convolutions imply; without any, that of a depthwise block with the channels of a
 * BN.
 */
function frameOf(place: Place, terms: readonly Term[]): Omit<Frame, 'before'> {
  const shapes = terms.flatMap((term) => shapesOf(place, term));
  const [first] = shapes;
  if (!first) return { out: channelsOfBns(place, terms), inPerGroup: 1, size: 1 };
  return { out: first[0], inPerGroup: first[1], size: Math.max(...shapes.map((shape) => shape[2])) };
}

function shapesOf(place: Place, term: Term): KernelShape[] {
  if (term.conv !== undefined) {
    return expand(place, term)
      .filter((one) => hasConvolution(place, one.conv))
      .map(({ conv }) => kernelShape(place.stateDict, `${place.prefix}${conv}.weight`));
  }
  if (term.sum) return term.sum.flatMap((inner) => shapesOf(place, inner));
  const [first, last] = [term.chain?.[0], term.chain?.at(-1)].map((end) =>
    end ? shapesOf(place, end)[0] : undefined,
  );
  return first && last ? [[last[0], first[1], last[2], last[3]]] : [];
}

function channelsOfBns(place: Place, terms: readonly Term[]): number {
  for (const { bn, sum } of terms) {
    if (bn !== undefined && hasBn(place, bn)) return batchNormAt(place, bn).variance.length;
    const inner = sum && channelsOfBns(place, sum);
    if (inner) return inner;
  }
  return 0;
}
