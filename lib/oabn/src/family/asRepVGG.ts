/**
 * RepVGG and QARepVGG under other names (timm's, mmpretrain's, inside a detector's backbone) as the network
 * that the rest of the library computes with: official names, and an architecture read from the tensors'
 * shapes.
 */
import type { HostTensor } from 'oabn-base';
import {
  type Architecture,
  bnEpsilon,
  type BlockKind,
  type Branch,
  cifarStrides,
  imagenetStrides,
  normalizeArchitecture,
  type StateDict,
} from '../model/index.js';
import type { FoundBranch } from './branches.js';
import { families } from './families.js';
import { imageChannels, otherImages } from './layout.js';
import { batchNormAt, bnAmong } from './place.js';
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
      ? recognition.blocks.map((block) => trainingUnit(stateDict, block))
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
    stage.forEach(({ tensors }, b) => {
      const name = s === 0 ? 'stage0' : `stage${s}.${b}`;
      for (const [official, tensor] of tensors) renamed[`${name}.${official}`] = tensor;
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
  const assumptions = [
    ...(strides
      ? []
      : [`strides ${guess.join(', ')}: a checkpoint does not say them; --strides names others`]),
    ...(families.includes(recognition.family)
      ? []
      : ['RepVGG’s ReLU after each block: a "layout" in the family’s file says what else stands there']),
  ];
  return { arch, stateDict: renamed, assumptions };
}

/** A block: its shape, and its tensors under official names. */
interface Unit {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: BlockKind;
  /** Its branches; undefined once they are merged. */
  readonly branches: readonly Branch[] | undefined;
  readonly tensors: readonly NamedTensor[];
}

type NamedTensor = readonly [official: string, tensor: HostTensor<Float32Array>];

const places: Readonly<Record<string, { branch: Branch; conv: string; bn: string }>> = {
  '3×3': { branch: '3x3', conv: 'rbr_dense.conv.weight', bn: 'rbr_dense.bn' },
  '1×1': { branch: '1x1', conv: 'rbr_1x1.conv.weight', bn: 'rbr_1x1.bn' },
  identity: { branch: 'identity', conv: '', bn: 'rbr_identity' },
};

function trainingUnit(stateDict: StateDict, { name, table, branches, epsilon }: FoundBlock): Unit | string {
  const labels = branches.map(({ label }) => label);
  const isKnown = labels.every((label) => label in places) && new Set(labels).size === labels.length;
  const dense = branches.find(({ label }) => label === '3×3');
  if (!isKnown || !dense) return `${name} has the branches ${labels.join(', ')}, not RepVGG's`;
  if (table.terms.length === 1)
    return `${name} is a convolution with its BN, and what stands between those no name tells`;
  if (table.terms.some(({ scale }) => scale !== undefined))
    return `${name} multiplies its branches by scales`;
  if (table.terms.some(({ plusIdentity, subtract }) => plusIdentity || subtract))
    return `${name} subtracts a branch, or adds the identity to a kernel`;
  const unit = { name, shape: dense.shape, branches: labels.map((label) => places[label]!.branch) };
  if (table.bn !== undefined) {
    // QARepVGG's blocks are found by their official names alone.
    if (table.merged !== 'rbr_reparam' || epsilon !== bnEpsilon)
      return `${name} has a BN after the sum of its branches, not RepVGG's`;
    const own = (tensor: string): string => tensor.slice(name === '' ? 0 : name.length + 1);
    const all = branches.flatMap(({ tensors }) => tensors);
    return { ...unit, kind: 'qarepvgg', tensors: all.map((tensor) => [own(tensor), stateDict[tensor]!]) };
  }
  const tensors: NamedTensor[] = [];
  for (const branch of branches) {
    const found = officialTensors(stateDict, branch, epsilon);
    if (!found) return `${name} has no BN after its ${branch.label} branch`;
    tensors.push(...found);
  }
  return { ...unit, kind: 'repvgg', tensors };
}

/**
 * A branch under official names, as RepVGG has it: a bias before the BN goes into the BN's mean, another ε
 * into its γ, and a BN without γ and β gets 1 and 0. Undefined for a branch without a BN of its own.
 */
function officialTensors(
  stateDict: StateDict,
  { label, tensors }: FoundBranch,
  epsilon: number,
): NamedTensor[] | undefined {
  const { conv, bn: official } = places[label]!;
  const module = bnAmong(tensors);
  if (module === undefined) return undefined;
  const { gamma, beta, mean, variance } = batchNormAt({ stateDict, prefix: '', epsilon }, module);
  const [kernel] = conv === '' ? [] : tensors;
  const biasName = kernel?.replace(/weight$/, 'bias');
  const bias = biasName !== undefined && tensors.includes(biasName) ? stateDict[biasName]!.data : undefined;
  const members = {
    weight:
      epsilon === bnEpsilon
        ? gamma
        : gamma.map((g, i) => g * Math.sqrt((variance[i]! + bnEpsilon) / (variance[i]! + epsilon))),
    bias: beta,
    running_mean: bias ? mean.map((m, i) => m - bias[i]!) : mean,
    running_var: variance,
  };
  return [
    ...(kernel === undefined ? [] : [[conv, stateDict[kernel]!] as const]),
    ...Object.entries(members).map(
      ([member, data]) => [`${official}.${member}`, { shape: [data.length], data }] as const,
    ),
  ];
}

function mergedUnits(stateDict: StateDict, { merged }: Recognition): (Unit | string)[] {
  if (merged.length === 0) return ['no block was found'];
  return merged.map((module) => {
    const { shape } = stateDict[`${module}.weight`]!;
    if (shape.length !== 4 || shape[2] !== 3 || shape[3] !== 3 || !(`${module}.bias` in stateDict)) {
      return `${module} is no merged 3×3 convolution`;
    }
    const tensors = ['weight', 'bias'].map(
      (last) => [`rbr_reparam.${last}`, stateDict[`${module}.${last}`]!] as const,
    );
    return { name: module, shape, kind: 'repvgg' as const, branches: undefined, tensors };
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
