/**
 * The paper's classes of merged weights by position (figure 3), from fewest to most:
 *
 * - **A**: centre tap, i = j; all three branches meet here. C a layer.
 * - **B**: centre tap, i ≠ j; from the 3×3 and the 1×1 branch. C² − C.
 * - **C**: off the centre; from the 3×3 branch alone. 8·C².
 */
import type { HostTensor } from 'oabn-base';

/** The classes of the weights of a merged 3×3 kernel, by the branches that reach them (paper, section 3). */
export const weightClasses = ['A', 'B', 'C'] as const;
/**
 * A: the diagonal of the centre, where all branches meet; B: the rest of the centre; C: the other eight
 * positions.
 */
export type WeightClass = (typeof weightClasses)[number];

/**
 * The class of the weight at flat `index` of a kernel [out,in,…] of `taps` taps, 9 for 3×3. In groups `inChannels` and
 * `outChannels` are those of a group.
 */
export function weightClass(
  index: number,
  inChannels: number,
  taps = 9,
  outChannels = Infinity,
): WeightClass {
  if (index % taps !== (taps - 1) / 2) return 'C';
  const position = Math.floor(index / taps);
  return Math.floor(position / inChannels) % outChannels === position % inChannels ? 'A' : 'B';
}

/** The values of a merged kernel [out,in,3,3], class by class. */
export function splitByClass({ shape, data }: HostTensor<Float32Array>): Record<WeightClass, Float32Array> {
  const inChannels = shape[1]!;
  const of = (wanted: WeightClass): Float32Array =>
    data.filter((_, index) => weightClass(index, inChannels) === wanted);
  return { A: of('A'), B: of('B'), C: of('C') };
}
