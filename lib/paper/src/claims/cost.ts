/** C12: what a training step costs (table 7). */
import { formatNumber } from 'oabn-base';
import { allOf, type Verdict } from './statistics.js';
import type { Claim } from './claim.js';

/** What is compared of one kind of network. */
export interface CostPoint {
  /** Floating-point operations of one training step. */
  readonly flops: number;
  /** Bytes of activations that a step keeps for its backward pass. */
  readonly activationBytes: number;
  /** Seconds of a step: the median over the rounds, and how far their middle half spreads. */
  readonly seconds: number;
  readonly secondsSpread: number;
}

/** C12: RepVGG with OABN trains at less cost than QARepVGG in operations, memory and time; within 2% is undecided. */
export function claimC12(oabn: CostPoint, qa: CostPoint): Claim {
  const compare = (ratio: number): Verdict =>
    ratio < 0.98 ? 'held' : ratio > 1.02 ? 'not held' : 'undecided';
  const apart = Math.abs(oabn.seconds - qa.seconds) > (oabn.secondsSpread + qa.secondsSpread) / 2;
  const [flops, memory] = [oabn.flops / qa.flops, oabn.activationBytes / qa.activationBytes];
  const time = oabn.seconds / qa.seconds;
  return {
    id: 'C12',
    statement: 'RepVGG with OABN trains at less cost (memory, operations, time) than QARepVGG.',
    verdict: allOf([compare(flops), compare(memory), apart ? compare(time) : 'undecided']),
    evidence:
      `Of QARepVGG's, RepVGG with OABN needs ${formatNumber(flops)} of the operations, ${formatNumber(memory)} of the activation memory and ` +
      `${formatNumber(time)} of the time of a step${apart ? '' : ' (within the spread of the rounds)'}.`,
  };
}
