/**
 * Which s limits a BN: none, the architecture's fixed one, or the BN's own learned one; on the engine and on
 * the host.
 */
import { tf } from 'tfjs-native';
import { functionOf, valuesOnHost } from '../custom/index.js';
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
  const { threshold, gradient = 'clip', limit, learned = false } = arch.oabn;
  const s = learned ? (params[thresholdName(block, place)] as tf.Scalar) : threshold;
  return { threshold: s, gradient, ...(limit && { limit }) };
}

/** s of the BN at `place` of `block` as a number; Infinity for plain BN. */
function hostThreshold(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
  place: NormalizedPlace,
): number {
  if (!arch.oabn || !isLimited(arch, place)) return Infinity;
  if (!arch.oabn.learned) return arch.oabn.threshold;
  return Math.max(leastThreshold, get(stateDict, thresholdName(block, place)).data[0]!);
}

/**
 * γ/σ of the BN at `place` of `block` as OABN limits it, on the host: [C] in, [C] out, rounded once where s
 * clips.
 */
export function limitedOnHost(
  arch: Architecture,
  stateDict: StateDict,
  block: Block,
  place: NormalizedPlace,
  ratio: Float64Array,
): Float64Array {
  const s = hostThreshold(arch, stateDict, block, place);
  const limit = s < Infinity ? arch.oabn?.limit : undefined;
  if (!limit) return ratio.map((r) => Math.min(s, Math.max(-s, r)));
  return Float64Array.from(
    valuesOnHost(() => functionOf(limit)(tf, tf.tensor1d(Float32Array.from(ratio)), s)),
  );
}
