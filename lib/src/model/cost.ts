/** What a network costs: parameters and multiply–accumulates, counted from its description alone. */
import { type Architecture, blocksOf } from './architecture.js';
import type { NetworkForm } from './parameters.js';

export interface Cost {
  readonly params: number;
  /** Multiply–accumulates of one forward pass of one image; one is two floating-point operations. */
  readonly macs: number;
}

/** The cost of `arch` on images of `size`×`size`, in the training-time form or merged. */
export function costOf(arch: Architecture, size: number, form: NetworkForm): Cost {
  let [params, macs, side] = [0, 0, size];
  for (const { inChannels, outChannels, stride, branches } of blocksOf(arch)) {
    side = Math.ceil(side / stride);
    const taps =
      form === 'merged' ? 9 : (branches.includes('3x3') ? 9 : 0) + (branches.includes('1x1') ? 1 : 0);
    params +=
      taps * inChannels * outChannels + (form === 'merged' ? outChannels : 2 * outChannels * branches.length);
    macs += side * side * taps * inChannels * outChannels;
  }
  const classifier = arch.widths.at(-1)! * arch.classes;
  return { params: params + classifier + arch.classes, macs: macs + classifier };
}
