/** C9, C10 and C11: uniform QAT and ClusterQAT at low bits (tables 5 and 6, figure 8). */
import { allOf, estimate, formatPercent, formatPoints, judge, type Verdict } from './statistics.js';
import {
  atThreshold,
  bestThreshold,
  type Claim,
  differenceError,
  formatThreshold,
  paired,
  type QuantizedPoint,
  thresholdsOf,
} from './claim.js';

/** How weights reach low bits: without training, or by fine-tuning with uniform or clustered weights. */
export type LowBitMethod = 'ptq' | 'uniformQat' | 'clusterQat';

/** One cell of the low-bit tables. */
export interface LowBitPoint extends QuantizedPoint {
  readonly method: LowBitMethod;
}

const accuracyOf = (point: LowBitPoint): number => point.accuracy;
const cells = (points: readonly LowBitPoint[], bits: number, method: LowBitMethod): LowBitPoint[] =>
  points.filter((point) => point.bits === bits && point.method === method);
const sampling = (points: readonly LowBitPoint[]): number =>
  differenceError(estimate(points.map(accuracyOf)).mean, points[0]!.images);

/**
 * C9 at `bits`: after ClusterQAT, a network pretrained with plain BN has lost more than half of its FP32 accuracy, and the
 * best one pretrained with OABN has not.
 */
export function claimC9(points: readonly LowBitPoint[], bits: number): Claim {
  const cluster = cells(points, bits, 'clusterQat');
  const limited = cluster.filter((point) => point.threshold < Infinity);
  const s = bestThreshold(limited, accuracyOf);
  const [plain, best] = [atThreshold(cluster, Infinity), atThreshold(limited, s)];
  const error = sampling(cluster);
  const ahead = paired(best, plain, accuracyOf);
  return {
    id: 'C9',
    statement: `ClusterQAT helps only a network pretrained with OABN; on plain BN it fails at ${bits} bits.`,
    verdict: allOf([
      judge(
        plain.map((point) => point.fp32 / 2 - point.accuracy),
        error,
      ),
      judge(
        best.map((point) => point.accuracy - point.fp32 / 2),
        error,
      ),
    ]),
    evidence:
      `At ${bits} bits ClusterQAT gives ${formatPercent(estimate(plain.map(accuracyOf)))} on plain BN ` +
      `(FP32 ${formatPercent(estimate(plain.map((point) => point.fp32)))}) and ${formatPercent(estimate(best.map(accuracyOf)))} at s = ` +
      `${formatThreshold(s)} (FP32 ${formatPercent(estimate(best.map((point) => point.fp32)))}), ${formatPoints(estimate(ahead))} more. Failing means losing more than half of FP32.`,
  };
}

/**
 * C10: at each of `bits`, on the best s of each, ClusterQAT beats uniform QAT; and at 3 bits, if among them, some s keeps
 * nine tenths of its FP32 accuracy.
 */
export function claimC10(points: readonly LowBitPoint[], bits: readonly number[]): Claim {
  const limited = points.filter((point) => point.threshold < Infinity);
  const parts = bits.map((b) => {
    const [cluster, uniform] = [cells(limited, b, 'clusterQat'), cells(limited, b, 'uniformQat')];
    const s = bestThreshold(cluster, accuracyOf);
    const uniformS = bestThreshold(uniform, accuracyOf);
    const best = atThreshold(cluster, s);
    const ahead = paired(best, atThreshold(uniform, uniformS), accuracyOf);
    return { b, s, best, ahead, verdict: judge(ahead, sampling(cluster)) };
  });
  const three = parts.find((part) => part.b === 3);
  const kept = three?.best.map((point) => point.accuracy - 0.9 * point.fp32);
  return {
    id: 'C10',
    statement: 'With OABN, ClusterQAT beats uniform QAT at low bits, and even 3 bits recover good accuracy.',
    verdict: allOf([
      ...parts.map((part) => part.verdict),
      ...(three ? [judge(kept!, sampling(three.best))] : []),
    ]),
    evidence:
      `${parts.map(({ b, ahead, verdict }) => `${b} bits: ${formatPoints(estimate(ahead))} ahead (${verdict})`).join('; ')}.` +
      (three
        ? ` At 3 bits and s = ${formatThreshold(three.s)} ClusterQAT has ${formatPercent(estimate(three.best.map(accuracyOf)))} ` +
          `of ${formatPercent(estimate(three.best.map((point) => point.fp32)))} FP32; good means nine tenths.`
        : ''),
  };
}

/** The least difference in accuracy that counts as much for C11. */
const much = 0.02;

/**
 * C11 at `bits`: after uniform QAT, no s of the grid is more than 2 points from plain BN. Held and not held need the
 * difference to be on one side of 2 points by twice its standard error.
 */
export function claimC11(points: readonly LowBitPoint[], bits: number): Claim {
  const uniform = cells(points, bits, 'uniformQat');
  const plain = atThreshold(uniform, Infinity);
  const error = sampling(uniform);
  const parts = thresholdsOf(uniform)
    .filter((threshold) => threshold < Infinity)
    .map((threshold) => {
      const differences = paired(atThreshold(uniform, threshold), plain, accuracyOf);
      const sign = Math.sign(estimate(differences).mean) || 1;
      const verdict: Verdict = judge(
        differences.map((difference) => much - sign * difference),
        error,
      );
      return { threshold, differences, verdict };
    });
  return {
    id: 'C11',
    statement: `For uniform QAT at ${bits} bits, changing s makes little difference.`,
    verdict: allOf(parts.map((part) => part.verdict)),
    evidence:
      `Against plain BN (${formatPercent(estimate(plain.map(accuracyOf)))}): ` +
      `${parts.map(({ threshold, differences }) => `s = ${threshold} ${formatPoints(estimate(differences), true)}`).join('; ')}. Little means within ${100 * much} points.`,
  };
}
