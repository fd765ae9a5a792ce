/**
 * RepVGG and QARepVGG under other names (timm's, mmpretrain's, inside a detector's backbone) as the network
 * that the rest of the library computes with: official names, and an architecture read from the tensors'
 * shapes.
 */
import type { HostTensor } from 'oabn-base';
import {
  type Architecture,
  type BlockKind,
  type Branch,
  cifarStrides,
  imagenetStrides,
  normalizeArchitecture,
  type StateDict,
} from '../model/index.js';
import { imageChannels, otherImages } from './layout.js';
import { type FoundBlock, naturally, type Recognition } from './recognize.js';

/** A network from other code as a RepVGG of ours. */
export interface AsRepVGG {
  /** Its description. */
  readonly arch: Architecture;
  /** Under official names. */
  readonly stateDict: StateDict;
  /** What the tensors do not say and was taken for granted, in words. */
  readonly assumptions: readonly string[];
}

/**
 * Networks with at least this many classes are taken to be ImageNet's, whose stages all begin with a stride
 * of 2.
 */
const imagenetClasses = 200;

/**
 * The network as RepVGG. `strides` of the stages' first blocks, where they are known; shapes do not show
 * them, except that a block with an identity branch has a stride of 1.
 * @returns the reason where it is not RepVGG
 */
export function asRepVGG(
  stateDict: StateDict,
  recognition: Recognition,
  strides?: readonly number[],
): AsRepVGG | { readonly reason: string } {
  const units =
    recognition.blocks.length > 0
      ? recognition.blocks.map(trainingUnit)
      : mergedUnits(stateDict, recognition);
  const odd = units.findIndex((unit) => typeof unit === 'string');
  if (odd >= 0) return { reason: units[odd] as string };
  const stages = inStages(units as Unit[]);
  if (stages[0]!.length !== 1) return { reason: 'it does not begin with a single stem block' };
  const flat = stages.flat();
  const [stem] = flat as [Unit];
  if (stem.shape[1] !== imageChannels) return { reason: otherImages(stem.name, stem.shape[1]!) };
  const grouped = flat.find(({ shape }, i) => i > 0 && shape[1] !== flat[i - 1]!.shape[0]);
  if (grouped)
    return { reason: `${grouped.name} does not take all channels of the block before it (groups?)` };
  const classifier = classifierOf(stateDict, recognition);
  if (typeof classifier === 'string') return { reason: classifier };
  const kinds = new Set((units as Unit[]).map(({ kind }) => kind));
  if (kinds.size !== 1) return { reason: 'its blocks are of several kinds' };
  const [block] = kinds as Set<BlockKind>;
  const classes = classifier.weight.shape[0]!;
  const branches = branchesOf(stages);
  const guess = stridesOf(stages, classes, branches.includes('identity'));
  const renamed: Record<string, HostTensor<Float32Array>> = {
    'linear.weight': classifier.weight,
    'linear.bias': classifier.bias,
  };
  stages.forEach((stage, s) =>
    stage.forEach(({ names }, b) => {
      const name = s === 0 ? 'stage0' : `stage${s}.${b}`;
      for (const [official, own] of names) renamed[`${name}.${official}`] = stateDict[own]!;
    }),
  );
  const arch = normalizeArchitecture({
    widths: stages.map((stage) => stage[0]!.shape[0]!),
    depths: stages.map((stage) => stage.length),
    strides: strides ?? guess,
    classes,
    ...(block !== undefined && { block }),
    branches,
  });
  const assumption = `strides ${guess.join(', ')}: a checkpoint does not say them; --strides names others`;
  return { arch, stateDict: renamed, assumptions: strides ? [] : [assumption] };
}

/** A block: its shape, its official names and those in the file. */
interface Unit {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: BlockKind;
  /** Its branches; undefined once they are merged. */
  readonly branches: readonly Branch[] | undefined;
  readonly names: readonly (readonly [official: string, own: string])[];
}

const places: Readonly<Record<string, { branch: Branch; conv: string; bn: string }>> = {
  '3×3': { branch: '3x3', conv: 'rbr_dense.conv.weight', bn: 'rbr_dense.bn' },
  '1×1': { branch: '1x1', conv: 'rbr_1x1.conv.weight', bn: 'rbr_1x1.bn' },
  identity: { branch: 'identity', conv: '', bn: 'rbr_identity' },
};

function trainingUnit({ name, table, branches }: FoundBlock): Unit | string {
  const labels = branches.map(({ label }) => label);
  const isKnown = labels.every((label) => label in places) && new Set(labels).size === labels.length;
  const dense = branches.find(({ label }) => label === '3×3');
  if (!isKnown || !dense) return `${name} has the branches ${labels.join(', ')}, not RepVGG's`;
  if (table.terms.length === 1)
    return `${name} is a convolution with its BN, and what stands between those no name tells`;
  if (table.terms.some(({ scale }) => scale !== undefined))
    return `${name} multiplies its branches by scales`;
  const kind: BlockKind = table.bn === undefined ? 'repvgg' : 'qarepvgg';
  const own = (tensor: string): string => tensor.slice(name === '' ? 0 : name.length + 1);
  const names = branches.flatMap(({ label, tensors }) =>
    tensors.map((tensor) => {
      const last = tensor.slice(tensor.lastIndexOf('.') + 1);
      const { conv, bn } = places[label]!;
      // QARepVGG's blocks are found by their official names alone.
      if (table.merged === 'rbr_reparam') return [own(tensor), tensor] as const;
      return [tensor === tensors[0] && label !== 'identity' ? conv : `${bn}.${last}`, tensor] as const;
    }),
  );
  return { name, shape: dense.shape, kind, branches: labels.map((label) => places[label]!.branch), names };
}

function mergedUnits(stateDict: StateDict, { merged }: Recognition): (Unit | string)[] {
  if (merged.length === 0) return ['no block was found'];
  return merged.map((module) => {
    const { shape } = stateDict[`${module}.weight`]!;
    if (shape.length !== 4 || shape[2] !== 3 || shape[3] !== 3 || !(`${module}.bias` in stateDict)) {
      return `${module} is no merged 3×3 convolution`;
    }
    const names = ['weight', 'bias'].map((last) => [`rbr_reparam.${last}`, `${module}.${last}`] as const);
    return { name: module, shape, kind: 'repvgg' as const, branches: undefined, names };
  });
}

/** Blocks by the first number in their names; those without, the stem, first. */
function inStages(units: readonly Unit[]): Unit[][] {
  const numbers = ({ name }: Unit): string => /\d+/.exec(name)?.[0] ?? '';
  const stages = new Map<string, Unit[]>();
  for (const unit of [...units].sort(
    (a, b) => naturally(numbers(a), numbers(b)) || naturally(a.name, b.name),
  )) {
    stages.set(numbers(unit), [...(stages.get(numbers(unit)) ?? []), unit]);
  }
  return [...stages.values()];
}

/** The one matrix among the remaining tensors, with its bias; the reason where more is left. */
function classifierOf(
  stateDict: StateDict,
  { rest, merged }: Recognition,
): { weight: HostTensor<Float32Array>; bias: HostTensor<Float32Array> } | string {
  const ofMerged = new Set(merged.flatMap((module) => [`${module}.weight`, `${module}.bias`]));
  const others = rest.filter((name) => !ofMerged.has(name));
  const weight = others.find((name) => name.endsWith('.weight') && stateDict[name]!.shape.length === 2);
  if (weight === undefined) return 'it has no classifier';
  const bias = `${weight.slice(0, -'weight'.length)}bias`;
  const odd = others.find((name) => name !== weight && name !== bias);
  if (odd !== undefined) return `${odd} has no place in RepVGG`;
  if (!(bias in stateDict)) return `the classifier ${weight} has no bias`;
  return { weight: stateDict[weight]!, bias: stateDict[bias]! };
}

/**
 * The branches that the network's blocks have where they can. An identity can be in every block but the first
 * of a stage, which tells nothing where its stride or width changes.
 */
function branchesOf(stages: readonly (readonly Unit[])[]): Branch[] {
  const lacks = (units: readonly Unit[], branch: Branch): boolean =>
    units.length > 0 && units.every(({ branches }) => branches?.includes(branch) === false);
  const inner = stages.flatMap((stage) => stage.slice(1));
  const isPlain = lacks(stages.flat(), '1x1');
  const hasNoIdentity = lacks(stages.flat(), 'identity') && (isPlain || lacks(inner, 'identity'));
  return ['3x3', ...(isPlain ? [] : (['1x1'] as const)), ...(hasNoIdentity ? [] : (['identity'] as const))];
}

/** The strides that the identity branches imply, and the usual ones for stages where they imply nothing. */
function stridesOf(stages: readonly (readonly Unit[])[], classes: number, haveIdentities: boolean): number[] {
  const usual = classes >= imagenetClasses ? imagenetStrides : cifarStrides;
  return stages.map(([first], i) => {
    const { shape, branches, kind } = first!;
    if (branches?.includes('identity')) return 1;
    const keepsChannels = shape[0] === shape[1];
    if (keepsChannels && haveIdentities && branches && kind === 'repvgg') return 2;
    return usual[Math.min(i, usual.length - 1)]!;
  });
}
