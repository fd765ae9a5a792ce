/** C12: what a training step costs (table 7). */
import { formatNumber } from '../../base/index.js';
import { allOf, type Verdict } from '../statistics.js';
import type { Claim } from './claim.js';

/** What is compared of one kind of network. */
export interface CostPoint {
  /** Floating-point operations of one training step. */
  readonly flops: number;
  /** Bytes of activations that a step keeps for its backward pass. */
  readonly activationBytes: number;
  /** Seconds of a step, one for each repeat. */
  readonly seconds: readonly number[];
}

/** C12: RepVGG with OABN trains at less cost than QARepVGG in operations, memory and time; within 2% is undecided. */
export function claimC12(oabn: CostPoint, qa: CostPoint): Claim {
  const compare = (ratio: number): Verdict =>
    ratio < 0.98 ? 'held' : ratio > 1.02 ? 'not held' : 'undecided';
  const time = median(oabn.seconds) / median(qa.seconds);
  const apart =
    Math.max(...oabn.seconds) < Math.min(...qa.seconds) ||
    Math.max(...qa.seconds) < Math.min(...oabn.seconds);
  const [flops, memory] = [oabn.flops / qa.flops, oabn.activationBytes / qa.activationBytes];
  return {
    id: 'C12',
    statement: 'RepVGG with OABN trains at less cost (memory, operations, time) than QARepVGG.',
    verdict: allOf([compare(flops), compare(memory), apart ? compare(time) : 'undecided']),
    evidence:
      `Of QARepVGG's, RepVGG with OABN needs ${formatNumber(flops)} of the operations, ${formatNumber(memory)} of the activation memory and ` +
      `${formatNumber(time)} of the time of a step (medians of ${oabn.seconds.length}${apart ? '' : '; the repeats overlap'}).`,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
