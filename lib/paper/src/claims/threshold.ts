/** C3, C4 and C5: accuracy over the threshold s, in FP32 and after uniform per-layer PTQ. */
import { check } from 'oabn-base';
import { allOf, estimate, formatPoints, judge } from './statistics.js';
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

/** Accuracies of one network at one s, seed and number of bits. */
export type ThresholdPoint = QuantizedPoint;

const fp32 = (point: ThresholdPoint): number => point.fp32;
const quantized = (point: ThresholdPoint): number => point.accuracy;
/** The points at `bits`. @throws UserError where there are none */
function at(points: readonly ThresholdPoint[], bits: number): ThresholdPoint[] {
  const chosen = points.filter((point) => point.bits === bits);
  const there = [...new Set(points.map((point) => point.bits))];
  check(
    chosen.length > 0,
    () =>
      `There are no points at ${bits} bits, only at ${there.join(', ')}; run the study with bits: [${bits}]`,
  );
  return chosen;
}

/**
 * C3 at `bits`: the gap between FP32 and quantized accuracy is real with plain BN, and smaller with the smallest s
 * of the grid.
 */
export function claimC3(all: readonly ThresholdPoint[], bits: number): Claim {
  const points = at(all, bits);
  const least = thresholdsOf(points)[0]!;
  const [plain, smallest] = [atThreshold(points, Infinity), atThreshold(points, least)];
  const gap = (point: ThresholdPoint): number => point.fp32 - point.accuracy;
  const error = differenceError(estimate(plain.map(fp32)).mean, plain[0]!.images);
  const plainGaps = plain.map(gap);
  const collapsed = points.every((point) => point.accuracy < point.fp32 / 2);
  return {
    id: 'C3',
    statement: `With plain BN, ${bits}-bit per-layer accuracy falls well below FP32; a smaller s closes the gap.`,
    verdict: collapsed
      ? 'undecided'
      : allOf([judge(plainGaps, error), judge(paired(plain, smallest, gap), error)]),
    evidence:
      `The gap at ${bits} bits is ${formatPoints(estimate(plainGaps))} with plain BN and ` +
      `${formatPoints(estimate(smallest.map(gap)))} at s = ${least}.` +
      (collapsed ? ' At this width every network has lost more than half of its accuracy, whatever s.' : ''),
  };
}

/** C4 at `bits`: the smallest s of the grid costs accuracy in FP32 and quantized alike, against the best s. */
export function claimC4(all: readonly ThresholdPoint[], bits: number): Claim {
  const points = at(all, bits);
  const [least, best] = [thresholdsOf(points)[0]!, bestThreshold(points, quantized)];
  const [reference, smallest] = [atThreshold(points, best), atThreshold(points, least)];
  const error = differenceError(estimate(reference.map(fp32)).mean, points[0]!.images);
  const [inFp32, inInt] = [paired(reference, smallest, fp32), paired(reference, smallest, quantized)];
  return {
    id: 'C4',
    statement: `A very small s (${least}) costs accuracy in FP32 and at ${bits} bits alike; there is a proper range.`,
    verdict: best === least ? 'not held' : allOf([judge(inFp32, error), judge(inInt, error)]),
    evidence:
      `At ${bits} bits the best s of the grid is ${formatThreshold(best)}; s = ${least} is ${formatPoints(estimate(inFp32))} ` +
      `below it in FP32 and ${formatPoints(estimate(inInt))} at ${bits} bits.`,
  };
}

/**
 * C5 at `bits`: the curves over s have the same shape on two datasets. The shape is the order of the mean accuracies
 * over the thresholds that both grids have, compared by Spearman's rank correlation ρ, in FP32 and quantized. Held
 * means ρ > 0.5 for both, not held ρ < 0 for either; ρ means nothing for a curve that is flatter than its noise.
 */
export function claimC5(
  ofCifar: readonly ThresholdPoint[],
  ofImagenet: readonly ThresholdPoint[],
  bits: number,
): Claim {
  const [cifar, imagenet] = [at(ofCifar, bits), at(ofImagenet, bits)];
  const shared = thresholdsOf(cifar).filter((threshold) => thresholdsOf(imagenet).includes(threshold));
  const curve = (points: readonly ThresholdPoint[], of: (point: ThresholdPoint) => number): number[] =>
    shared.map((threshold) => estimate(atThreshold(points, threshold).map(of)).mean);
  const isFlat = (points: readonly ThresholdPoint[], of: (point: ThresholdPoint) => number): boolean => {
    const means = curve(points, of);
    return (
      Math.max(...means) - Math.min(...means) < 2 * differenceError(estimate(means).mean, points[0]!.images)
    );
  };
  const parts = [
    { name: 'FP32', of: fp32 },
    { name: `INT${bits}`, of: quantized },
  ].map(({ name, of }) => ({
    name,
    rho: rankCorrelation(curve(cifar, of), curve(imagenet, of)),
    flat: isFlat(cifar, of) || isFlat(imagenet, of),
  }));
  const verdicts = parts.map(({ rho, flat }) =>
    flat || (rho <= 0.5 && rho >= 0)
      ? ('undecided' as const)
      : rho > 0.5
        ? ('held' as const)
        : ('not held' as const),
  );
  return {
    id: 'C5',
    statement: `FP32 and ${bits}-bit accuracy over s have the same shape on CIFAR-10 and on ImageNet.`,
    verdict: allOf(verdicts),
    evidence:
      `Over s = ${shared.map(formatThreshold).join(', ')}, the ranks of the mean accuracies correlate with ` +
      `${parts.map(({ name, rho, flat }) => `ρ = ${rho.toFixed(2).replace('-', '−')} in ${name}${flat ? ' (where a curve is flat within its error)' : ''}`).join(' and ')}.`,
  };
}

/** Spearman's ρ of two lists of the same length, equal values sharing their mean rank; 0 where a list is constant. */
export function rankCorrelation(x: readonly number[], y: readonly number[]): number {
  const ranks = (values: readonly number[]): number[] =>
    values.map((value) => {
      const below = values.filter((other) => other < value).length;
      const equal = values.filter((other) => other === value).length;
      return below + (equal - 1) / 2;
    });
  const [p, q] = [ranks(x), ranks(y)];
  const centre = (x.length - 1) / 2;
  const product = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + (value - centre) * (b[i]! - centre), 0);
  const scale = Math.sqrt(product(p, p) * product(q, q));
  return scale > 0 ? product(p, q) / scale : 0;
}
