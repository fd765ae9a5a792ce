/**
 * The names and shapes of a network's tensors, as the official state dicts have them (OIHW, [out, in]):
 * RepVGG's, and for QARepVGG's blocks those of the code that came with it in YOLOv6, where the 1×1
 * convolution stands alone and the normalization after the sum is the block's own: `rbr_1x1.weight`,
 * `bn.weight`, ….
 *
 * And their initial values, as in PyTorch: convolutions and the classifier from `kaiming_uniform_(a=√5)`,
 * which is U(−1/√fanIn, 1/√fanIn), and BN with γ = 1, β = 0. A learned s begins at the architecture's
 * threshold.
 */
import { check, random, sizeOf } from 'oabn-base';
import type { Architecture, BlockKind, Branch } from './architecture.js';
import { type Block, blocksOf, mergedShape } from './blocks.js';
import type { StateDict } from './stateDict.js';

/** A place of a block that can have a BN: a branch, or what the branches sum to. */
export type NormalizedPlace = Branch | 'sum';

const bnPrefixes: Readonly<Record<BlockKind, Partial<Record<NormalizedPlace, string>>>> = {
  repvgg: { '3x3': 'rbr_dense.bn', '1x1': 'rbr_1x1.bn', identity: 'rbr_identity' },
  qarepvgg: { '3x3': 'rbr_dense.bn', sum: 'bn' },
};
const convPrefixes = {
  repvgg: { '3x3': 'rbr_dense.conv', '1x1': 'rbr_1x1.conv' },
  qarepvgg: { '3x3': 'rbr_dense.conv', '1x1': 'rbr_1x1' },
} as const satisfies Record<BlockKind, object>;

/** The state-dict prefix of the BN at a place of `block`; undefined where it has none. */
export function bnPrefix({ name, kind }: Block, place: NormalizedPlace): string | undefined {
  const prefix = bnPrefixes[kind][place];
  return prefix === undefined ? undefined : `${name}.${prefix}`;
}

/** The state-dict prefix of a branch's convolution; the identity has none. */
export function convPrefix({ name, kind }: Block, branch: Exclude<Branch, 'identity'>): string {
  return `${name}.${convPrefixes[kind][branch]}`;
}

/** `training`: the three branches; `merged`: one convolution a block. */
export type NetworkForm = 'training' | 'merged';

/** Name → shape of a network's tensors, in PyTorch's layouts. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Whether OABN limits the BN at `place`. */
export function isLimited({ oabn }: Architecture, place: NormalizedPlace): boolean {
  const limited: readonly NormalizedPlace[] = oabn?.branches ?? ['identity'];
  return oabn !== undefined && limited.includes(place);
}

/**
 * The state-dict name of the learned s of the BN at `place`: our own, because the official RepVGG has none.
 */
export function thresholdName(block: Block, place: NormalizedPlace): string {
  return `${bnPrefix(block, place)}.threshold`;
}

/** Whether a tensor is a learned s. */
export const isThreshold = (name: string): boolean => name.endsWith('.threshold');

/**
 * Refuses a network of another family.
 * @throws UserError naming `task` where the network is not RepVGG's chain of 3×3 convolutions, each behind a
 * ReLU
 */
export function checkChain({ operations }: Architecture, task: string): void {
  check(
    !operations,
    `${task} is for chains of 3×3 convolutions like RepVGG's; this network of another family has other operations`,
  );
}

/** Name → shape of every tensor of `arch`, in the training-time form (with running statistics) or merged. */
export function parameterShapes(arch: Architecture, form: NetworkForm): Shapes {
  const shapes: Record<string, readonly number[]> = {};
  if (form === 'training') checkChain(arch, 'The training-time form');
  for (const block of blocksOf(arch)) {
    const { name, inChannels, outChannels, branches } = block;
    if (form === 'merged') {
      shapes[`${name}.rbr_reparam.weight`] = mergedShape(block);
      shapes[`${name}.rbr_reparam.bias`] = [outChannels];
      continue;
    }
    for (const place of [...branches, 'sum'] as const) {
      if (place === '3x3' || place === '1x1') {
        const size = place === '3x3' ? 3 : 1;
        shapes[`${convPrefix(block, place)}.weight`] = [outChannels, inChannels, size, size];
      }
      const prefix = bnPrefix(block, place);
      if (prefix === undefined) continue;
      for (const member of ['weight', 'bias', 'running_mean', 'running_var']) {
        shapes[`${prefix}.${member}`] = [outChannels];
      }
      if (arch.oabn?.learned && isLimited(arch, place)) shapes[thresholdName(block, place)] = [];
    }
  }
  shapes['linear.weight'] = [arch.classes, arch.widths.at(-1)!];
  shapes['linear.bias'] = [arch.classes];
  return shapes;
}

/** The initial state dict of `arch`: a pure function of `seed`, independent for every tensor. */
export function initialize(arch: Architecture, seed: number): StateDict {
  const tensors = Object.entries(parameterShapes(arch, 'training')).map(([name, shape]) => {
    return [name, { shape, data: initialValues(name, shape, arch, seed) }] as const;
  });
  return Object.fromEntries(tensors);
}

function initialValues(
  name: string,
  shape: readonly number[],
  { widths, oabn }: Architecture,
  seed: number,
): Float32Array {
  const size = sizeOf(shape);
  const isMatrix = shape.length > 1;
  if (isMatrix || name === 'linear.bias') {
    const stream = random(seed, 'initialize', name);
    const bound = 1 / Math.sqrt(isMatrix ? size / shape[0]! : widths.at(-1)!);
    return Float32Array.from({ length: size }, () => (2 * stream.uniform() - 1) * bound);
  }
  if (isThreshold(name)) return new Float32Array(size).fill(oabn!.threshold);
  const isOne = name.endsWith('.weight') || name.endsWith('.running_var');
  return new Float32Array(size).fill(isOne ? 1 : 0);
}
