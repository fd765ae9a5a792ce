/** Which s limits a BN: none, the architecture's fixed one, or the BN's own learned one; on the engine and on the host. */
import type { tf } from 'tfjs-native';
import type { Architecture, Block } from './architecture.js';
import { leastThreshold, type Limit } from './batchNorm.js';
import { isLimited, type NormalizedPlace, thresholdName } from './parameters.js';
import { get, type StateDict, type Tensors } from './stateDict.js';

/** The limit of the BN at `place` of `block`, with a learned s out of `params`; undefined for plain BN. */
export function limitOf(
  arch: Architecture,
  block: Block,
  place: NormalizedPlace,
  params: Tensors,
): Limit | undefined {
  if (!arch.oabn || !isLimited(arch, place)) return undefined;
  const { threshold, gradient = 'clip', learned = false } = arch.oabn;
  return { threshold: learned ? (params[thresholdName(block, place)] as tf.Scalar) : threshold, gradient };
}

/** s of the BN at `place` of `block` as a number; Infinity for plain BN. */
export function hostThreshold(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
  place: NormalizedPlace,
): number {
  if (!arch.oabn || !isLimited(arch, place)) return Infinity;
  if (!arch.oabn.learned) return arch.oabn.threshold;
  return Math.max(leastThreshold, get(stateDict, thresholdName(block, place)).data[0]!);
}
