/**
 * Was this network trained with OABN? No tensor says so, and merged as plain BN it would silently lose
 * accuracy. Yet training leaves a trace: where a ratio γ/σ is clipped, γ has no gradient. Channels that were
 * clipped all the time keep exactly the number that they began with (or, with weight decay, the same smaller
 * one), which learned γ never share. A clipped channel's |γ/σ| is at least s, so the smallest of them bounds
 * s from above.
 *
 * A clip whose gradient passes straight through leaves no trace; such a network can only be recognized by its
 * accuracy.
 */
import {
  type Architecture,
  blocksOf,
  bnEpsilon,
  bnPrefix,
  isLimited,
  type StateDict,
} from '../model/index.js';

/** Signs, in the identity branches' BNs, that a network was trained with OABN. */
export interface ThresholdTrace {
  /** Live channels of identity BNs. */
  readonly channels: number;
  /** How many of them are frozen: they share one γ with at least three others of their BN. */
  readonly frozen: number;
  /** The smallest |γ/σ| of a frozen channel: s is at most this. */
  readonly atMost: number;
}

/**
 * A frozen value must be shared by this many channels of a BN: chance does not make even three learned
 * numbers equal.
 */
const leastEqual = 4;
/** A trace is reported from this share of the channels on. */
const leastShare = 0.05;

/**
 * The trace of OABN in a three-branch network that is described as plain BN; undefined where there is none.
 */
export function findThresholdTrace(arch: Architecture, stateDict: StateDict): ThresholdTrace | undefined {
  if (isLimited(arch, 'identity')) return undefined;
  let [channels, frozen, atMost] = [0, 0, Infinity];
  for (const block of blocksOf(arch)) {
    const prefix = block.branches.includes('identity') ? bnPrefix(block, 'identity') : undefined;
    const [gamma, variance] = ['weight', 'running_var'].map(
      (member) => stateDict[`${prefix}.${member}`]?.data,
    );
    if (!gamma || !variance) continue;
    // Where no γ of the 3×3 branch has moved either, nothing was trained.
    const dense = stateDict[`${bnPrefix(block, '3x3')}.weight`]?.data;
    if (dense && dense.length >= leastEqual && dense.every((value) => value === dense[0])) continue;
    // A dead channel's γ has no gradient either, whatever the normalization; a variance of 1 was never
    // measured.
    const living = [...gamma.keys()].filter(
      (channel) => variance[channel]! > 100 * bnEpsilon && variance[channel] !== 1,
    );
    channels += living.length;
    const value = mostFrequent(living.map((channel) => gamma[channel]!));
    const equal = living.filter((channel) => gamma[channel] === value);
    // A γ of 0 is what pruning leaves, not clipping.
    if (equal.length < leastEqual || value === 0) continue;
    frozen += equal.length;
    for (const channel of equal) {
      atMost = Math.min(atMost, Math.abs(value!) / Math.sqrt(variance[channel]! + bnEpsilon));
    }
  }
  return frozen >= leastShare * channels && frozen > 0 ? { channels, frozen, atMost } : undefined;
}

/** The trace in words, with what to do. */
export function describeTrace({ channels, frozen, atMost }: ThresholdTrace): string {
  return (
    `${frozen} of ${channels} channels of the identity branches' BNs have γ that never moved, as OABN's clipping leaves them, ` +
    `but the network is described as plain BN. Merged so, it may lose most of its accuracy. If it was trained with OABN, ` +
    `its s is at most ${atMost.toPrecision(3)}: give it with --threshold, or as "oabn":{"threshold":s} in --arch`
  );
}

function mostFrequent(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce<[number | undefined, number]>((a, b) => (b[1] > a[1] ? b : a), [undefined, 0])[0];
}
