/** C6, C7 and C8: published PTQ methods on RepVGG, RepVGG with OABN and QARepVGG (table 3). */
import type { Granularity } from 'oabn/quantize';
import { allOf, estimate, formatPercent, formatPoints, judge, type Verdict } from './statistics.js';
import {
  atThreshold,
  bestThreshold,
  type Claim,
  differenceError,
  formatThreshold,
  paired,
  type QuantizedPoint,
} from './claim.js';

/** The networks of Table 3. */
export type NetworkKind = 'RepVGG' | 'QARepVGG';

/** One cell of table 3. */
export interface PtqPoint extends QuantizedPoint {
  readonly network: NetworkKind;
  /** As tables name it. */
  readonly method: string;
  readonly granularity: Granularity;
}

const accuracyOf = (point: PtqPoint): number => point.accuracy;

/** A method with one granularity: a row of table 3. */
function rowsOf(points: readonly PtqPoint[]): { name: string; points: PtqPoint[] }[] {
  const rows = new Map<string, PtqPoint[]>();
  for (const point of points) {
    const name = `${point.method}${point.granularity === 'perChannel' ? ', per channel' : ''}`;
    rows.set(name, [...(rows.get(name) ?? []), point]);
  }
  return [...rows].map(([name, of]) => ({ name, points: of }));
}

/** C6 at `bits`: every method gains from OABN, at the s that suits it best among those tried. */
export function claimC6(all: readonly PtqPoint[], bits: number): Claim {
  const points = all.filter((point) => point.bits === bits && point.network === 'RepVGG');
  const judged = rowsOf(points).map((row) => {
    const [plain, limited] = [
      atThreshold(row.points, Infinity),
      row.points.filter((p) => p.threshold < Infinity),
    ];
    const best = atThreshold(limited, bestThreshold(limited, accuracyOf));
    const gains = paired(best, plain, accuracyOf);
    const error = differenceError(estimate(plain.map((point) => point.fp32)).mean, plain[0]!.images);
    return { name: row.name, gains, verdict: judge(gains, error) };
  });
  const named = (verdict: Verdict): string[] =>
    judged.filter((row) => row.verdict === verdict).map((row) => row.name);
  const gains = judged.map((row) => estimate(row.gains).mean).sort((a, b) => a - b);
  return {
    id: 'C6',
    statement: `Every PTQ method gains from OABN at ${bits} bits.`,
    verdict: allOf(judged.map((row) => row.verdict)),
    evidence:
      `${named('held').length} of ${judged.length} methods gain, ${named('not held').length} lose, the rest is within the error. ` +
      `The gains go from ${formatPoints({ mean: gains[0]!, sd: 0, n: 1 })} to ${formatPoints({ mean: gains.at(-1)!, sd: 0, n: 1 })}.` +
      (named('not held').length > 0 ? ` Losing: ${named('not held').join('; ')}.` : ''),
  };
}

/** C7: the state size of the methods, over that of the uniform per-layer one. Held from a factor of 50 on. */
export function claimC7(all: readonly PtqPoint[], bits: number): Claim {
  const points = all.filter((point) => point.bits === bits && point.network === 'RepVGG');
  const sizes = rowsOf(points).map((row) => ({
    name: row.name,
    size: estimate(row.points.map((point) => point.stateSize)).mean,
  }));
  const base = Math.min(
    ...rowsOf(points.filter((point) => point.granularity === 'perTensor')).map(
      (row) => estimate(row.points.map((point) => point.stateSize)).mean,
    ),
  );
  const largest = sizes.reduce((most, row) => (row.size > most.size ? row : most));
  const ratio = largest.size / base;
  return {
    id: 'C7',
    statement: 'Some PTQ methods need about 100 times the state size of the uniform per-layer one.',
    verdict: ratio >= 50 ? 'held' : ratio < 10 ? 'not held' : 'undecided',
    evidence:
      `The largest is ${largest.name} with ${Math.round(largest.size)} states, ${ratio.toFixed(0)} times the per-layer ${Math.round(base)}. ` +
      'Per channel, the factor is the number of output channels, averaged over the layers, less the levels that small channels leave unused.',
  };
}

/**
 * C8 at `bits`: per channel, QARepVGG loses little (under a tenth of its FP32 accuracy); per layer, RepVGG with the best
 * s beats it. Over the methods that both granularities have.
 */
export function claimC8(all: readonly PtqPoint[], bits: number): Claim {
  const points = all.filter((point) => point.bits === bits);
  const qa = points.filter((point) => point.network === 'QARepVGG');
  const best = (granularity: Granularity, of: readonly PtqPoint[]): PtqPoint[] => {
    const rows = rowsOf(of.filter((point) => point.granularity === granularity));
    return rows.reduce((most, row) =>
      estimate(row.points.map(accuracyOf)).mean > estimate(most.points.map(accuracyOf)).mean ? row : most,
    ).points;
  };
  const limited = points.filter((point) => point.network === 'RepVGG' && point.threshold < Infinity);
  const s = bestThreshold(
    limited.filter((point) => point.granularity === 'perTensor'),
    accuracyOf,
  );
  const [many, few] = [best('perChannel', qa), best('perTensor', qa)];
  const oabn = best('perTensor', atThreshold(limited, s));
  const error = differenceError(estimate(few.map((point) => point.fp32)).mean, few[0]!.images);
  const kept = many.map((point) => point.accuracy - 0.9 * point.fp32);
  const ahead = paired(oabn, few, accuracyOf);
  return {
    id: 'C8',
    statement: `At ${bits} bits, QARepVGG does well with many weight states; under few, RepVGG with OABN beats it.`,
    verdict: allOf([judge(kept, error), judge(ahead, error)]),
    evidence:
      `Per channel, QARepVGG keeps ${formatPercent(estimate(many.map(accuracyOf)))} of ${formatPercent(estimate(many.map((p) => p.fp32)))} FP32 ` +
      `(${many[0]!.method}); per layer it has ${formatPercent(estimate(few.map(accuracyOf)))} (${few[0]!.method}), and RepVGG with OABN ` +
      `s = ${formatThreshold(s)} ${formatPercent(estimate(oabn.map(accuracyOf)))} (${oabn[0]!.method}): ${formatPoints(estimate(ahead))} more.`,
  };
}
