/**
 * What a network costs: parameters, multiply–accumulates and activations, counted from its description alone.
 */
import { sizeOf } from 'oabn-base';
import { type Architecture, blocksOf, mergedShape } from './architecture.js';
import { outputSides } from './operations.js';
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

/** The cost of `arch` on images of `size`×`size`, in the training-time form or merged. */
export function costOf(arch: Architecture, size: number, form: NetworkForm): Cost {
  let [macs, activations, side] = [0, 0, size];
  const sides = arch.operations && outputSides(arch.operations, size);
  for (const block of blocksOf(arch)) {
    const { name, inChannels, outChannels, stride, branches } = block;
    side = sides?.get(name) ?? Math.ceil(side / stride);
    const taps = (branches.includes('3x3') ? 9 : 0) + (branches.includes('1x1') ? 1 : 0);
    const weights = form === 'merged' ? sizeOf(mergedShape(block)) : taps * inChannels * outChannels;
    macs += side * side * weights;
    activations += side * side * outChannels;
  }
  const trained = Object.entries(parameterShapes(arch, form)).filter(([name]) => !isBuffer(name));
  const params = trained.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  return { params, macs: macs + arch.widths.at(-1)! * arch.classes, activations };
}
