/** C12: what a training step costs (table 7). */
import { formatNumber } from 'oabn-base';
import {
  greater,
  intervalOf,
  type MeanEstimate,
  numberWithin,
  ofUnknownError,
  seedMean,
  type Verdict,
} from '../statistics/index.js';
import { type Claim, type ClaimPart, jointClaim } from './claim.js';

/** What is compared of one kind of network. */
export interface CostPoint {
  /** Floating-point operations of one training step. */
  readonly flops: number;
  /** Bytes of activations that a step keeps for its backward pass. */
  readonly activationBytes: number;
  /** Seconds of a step in each round; the networks take turns, so rounds pair up. */
  readonly seconds: readonly number[];
}

/**
 * C12: RepVGG with OABN trains at less cost than QARepVGG in operations, memory and time. Operations and
 * memory are counted, so they are facts: less, equal or more. Time is measured and has an interval over the
 * rounds. What is not less refutes the claim, whatever the others are, so the verdict does not depend on the
 * noise of a clock.
 */
export function claimC12(oabn: CostPoint, qa: CostPoint): Claim {
  const parts = [
    counted('operations of a step', oabn.flops, qa.flops),
    counted('activation memory', oabn.activationBytes, qa.activationBytes),
    timed(oabn.seconds, qa.seconds),
  ];
  const verdicts = parts.map(({ verdict }) => verdict);
  const verdict: Verdict = verdicts.includes('not held')
    ? 'not held'
    : verdicts.every((each) => each === 'held')
      ? 'held'
      : 'undecided';
  return jointClaim(
    {
      id: 'C12',
      statement: 'RepVGG with OABN trains at less cost (memory, operations, time) than QARepVGG.',
      rule: 'Held: all three are less. Operations and activation memory are counted and exact; time is measured here, with an interval over rounds.',
      parts,
    },
    verdict,
  );
}

function counted(name: string, oabn: number, qa: number): ClaimPart {
  const effect = `× ${formatNumber(oabn / qa)}`;
  const than = oabn < qa ? 'less than' : oabn > qa ? 'more than' : 'exactly';
  return {
    ...{ name, effect, verdict: oabn < qa ? 'held' : 'not held' },
    evidence: `Counted: ${formatNumber(oabn / qa)} times QARepVGG’s, ${than} what QARepVGG needs.`,
  };
}

function timed(oabn: readonly number[], qa: readonly number[]): ClaimPart {
  const logs = oabn.map((seconds, round) => Math.log(seconds / qa[round]!));
  const estimate: MeanEstimate = logs.length > 1 ? seedMean(logs) : ofUnknownError(logs[0]!);
  const { verdict } = greater({ ...estimate, mean: -estimate.mean });
  const { mean, low, high, level } = intervalOf(estimate);
  const interval = { mean: Math.exp(mean), low: Math.exp(low), high: Math.exp(high), level };
  const effect = Number.isFinite(high)
    ? `× ${numberWithin(interval, 3)}`
    : `× ${interval.mean.toFixed(3)} (one round)`;
  return {
    ...{ name: 'time of a step', verdict, effect },
    ...(Number.isFinite(high) && { interval }),
    evidence: `Measured in ${logs.length} rounds in turn: ${effect} of QARepVGG’s time (geometric mean).`,
  };
}
