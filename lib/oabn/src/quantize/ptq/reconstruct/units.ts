/**
 * Units: the consecutive convolutions that are reconstructed together, one unit after the other. AdaRound's
 * unit is a layer. BRECQ's is a residual block, two or three convolutions around which the network's
 * dependencies are strongest; a merged RepVGG is a plain chain without such blocks, so a unit here is two
 * consecutive convolutions of a stage, and one where the stage has an odd number.
 */
import { type Architecture, type Block, checkChain, quantizedBlocks } from '../../../model/index.js';

export interface Unit {
  readonly layers: readonly Block[];
  /** What follows in the same stage. */
  readonly rest: readonly Block[];
}

/** The units that the quantized blocks form, each of up to `size` consecutive convolutions of one stage. */
export function unitsOf(arch: Architecture, size: number): Unit[] {
  checkChain(arch, 'Reconstruction (AdaRound, BRECQ, QDrop, RepAPQ)');
  const stages = new Map<string, Block[]>();
  for (const block of quantizedBlocks(arch)) {
    const stage = block.name.split('.')[0]!;
    stages.set(stage, [...(stages.get(stage) ?? []), block]);
  }
  return [...stages.values()].flatMap((blocks) =>
    Array.from({ length: Math.ceil(blocks.length / size) }, (_, i) => ({
      layers: blocks.slice(i * size, (i + 1) * size),
      rest: blocks.slice((i + 1) * size),
    })),
  );
}

/** A unit in progress messages and error texts: its first and last layer. */
export function unitName({ layers }: Unit): string {
  const [first, last] = [layers[0]!.name, layers.at(-1)!.name];
  return first === last ? first : `${first}–${last}`;
}
