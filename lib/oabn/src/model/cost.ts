/**
 * What a network costs: parameters, multiply–accumulates and activations, counted from its description alone.
 */
import { sizeOf } from 'oabn-base';
import type { Architecture } from './architecture.js';
import { activationsOf, blocksOf, mergedShape, sidesOf } from './blocks.js';
import { type NetworkForm, parameterShapes } from './parameters.js';
import { isBuffer } from './stateDict.js';

/** What a network costs to run. */
export interface Cost {
  /** Trained numbers: without running statistics. */
  readonly params: number;
  /** Multiply–accumulates of one forward pass of one image; one is two floating-point operations. */
  readonly macs: number;
  /** Numbers in the outputs of all blocks, for one image. */
  readonly activations: number;
}

/** The cost of `arch` on images of `size`×`size` pixels, in the training-time form or merged. */
export function costOf(arch: Architecture, size: number, form: NetworkForm): Cost {
  const sides = sidesOf(arch, size);
  let macs = arch.widths.at(-1)! * arch.classes;
  for (const block of blocksOf(arch)) {
    const { name, inChannels, outChannels, branches } = block;
    const taps = (branches.includes('3x3') ? 9 : 0) + (branches.includes('1x1') ? 1 : 0);
    const weights = form === 'merged' ? sizeOf(mergedShape(block)) : taps * inChannels * outChannels;
    macs += sides.get(name)! ** 2 * weights;
  }
  const trained = Object.entries(parameterShapes(arch, form)).filter(([name]) => !isBuffer(name));
  const params = trained.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  return { params, macs, activations: activationsOf(arch, size) };
}
