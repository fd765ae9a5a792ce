/**
 * The names and shapes of a network's tensors, as the official state dicts have them (OIHW, [out, in]):
 * RepVGG's, and for QARepVGG's blocks those of the code that came with it in YOLOv6, where the 1×1
 * convolution stands alone and the normalization after the sum is the block's own:
 * `rbr_1x1.weight`, `bn.weight`, ….
 */
import {
  type Architecture,
  type Block,
  blocksOf,
  type Branch,
  type BlockKind,
  checkChain,
  mergedShape,
} from './architecture.js';

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

/** The state-dict name of the learned s of the BN at `place`: ours, for the official RepVGG has none. */
export function thresholdName(block: Block, place: NormalizedPlace): string {
  return `${bnPrefix(block, place)}.threshold`;
}

/** Whether a tensor is a learned s. */
export const isThreshold = (name: string): boolean => name.endsWith('.threshold');

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
