/**
 * The blocks that a network's description stands for: their names, their shapes, and the size of their
 * outputs.
 */
import { type Architecture, type BlockKind, type Branch, branchNames } from './architecture.js';
import { type Operation, outputSides, placedConvolutions } from './operations.js';

/**
 * One block: its name in the state dict and its shape. Merged, it is one convolution, of 3×3 unless it says
 * otherwise.
 */
export interface Block {
  /** `stage0`, `stage1.0`, `stage1.1`, … */
  readonly name: string;
  /** Channels of its input. */
  readonly inChannels: number;
  /** Channels of its output. */
  readonly outChannels: number;
  /** Stride of its convolutions, the same along both axes. */
  readonly stride: number;
  /** Where it normalizes. */
  readonly kind: BlockKind;
  /** Its training-time branches; none for another family. */
  readonly branches: readonly Branch[];
  /**
   * Only for a merged network of another family: the shape [out, in per group, height, width] of its kernel.
   */
  readonly kernel?: readonly number[];
  /** Whether it belongs to squeeze-and-excitation. */
  readonly inSqueeze?: boolean;
  /** Absent: as in RepVGG, where a ReLU stands before all blocks but the first. */
  readonly nonNegative?: boolean;
}

/** [out, in per group, height, width] of a block's merged kernel. */
export function mergedShape({ kernel, outChannels, inChannels }: Block): readonly number[] {
  return kernel ?? [outChannels, inChannels, 3, 3];
}

/** The blocks from the input to the classifier. */
export function blocksOf(arch: Architecture): Block[] {
  if (arch.operations) return blocksOfOperations(arch.operations);
  const allowed = arch.branches ?? branchNames;
  const blocks: Block[] = [];
  let inChannels = 3;
  arch.widths.forEach((outChannels, stage) => {
    for (let i = 0; i < arch.depths[stage]!; i++) {
      const stride = i === 0 ? arch.strides[stage]! : 1;
      const hasIdentity = stride === 1 && inChannels === outChannels;
      const branches = allowed.filter((branch) => branch !== 'identity' || hasIdentity);
      blocks.push({
        name: stage === 0 ? 'stage0' : `stage${stage}.${i}`,
        inChannels,
        outChannels,
        stride,
        kind: arch.block ?? 'repvgg',
        branches,
      });
      inChannels = outChannels;
    }
  });
  return blocks;
}

function blocksOfOperations(operations: readonly Operation[]): Block[] {
  return placedConvolutions(operations).map(
    ({ name, kernel, stride = 1, inChannels, inSqueeze, nonNegative }) => ({
      ...{ name, inChannels, outChannels: kernel[0]!, stride, kind: 'repvgg' as const, branches: [] },
      ...{ kernel, inSqueeze, nonNegative },
    }),
  );
}

/**
 * The blocks whose merged kernels and inputs are quantized: all except the first convolution (paper, figure
 * 6) and those of squeeze-and-excitation.
 */
export function quantizedBlocks(arch: Architecture): Block[] {
  return blocksOf(arch)
    .slice(1)
    .filter(({ inSqueeze }) => !inSqueeze);
}

/**
 * The height and width of each block's output by the block's name, in the order of the blocks, for images of
 * `size`×`size` pixels.
 */
export function sidesOf(arch: Architecture, size: number): ReadonlyMap<string, number> {
  if (arch.operations) return outputSides(arch.operations, size);
  const sides = new Map<string, number>();
  let side = size;
  for (const { name, stride } of blocksOf(arch)) {
    side = Math.ceil(side / stride);
    sides.set(name, side);
  }
  return sides;
}

/** Numbers in the outputs of all blocks, for one image of `size`×`size` pixels. */
export function activationsOf(arch: Architecture, size: number): number {
  const sides = sidesOf(arch, size);
  return blocksOf(arch).reduce((sum, { name, outChannels }) => sum + sides.get(name)! ** 2 * outChannels, 0);
}
