/** C3, C4 and C5: accuracy over the threshold s, in FP32 and after uniform per-layer PTQ. */
import {
  allOf,
  bestOf,
  effectOf,
  greater,
  intervalOf,
  type Judged,
  type MeanEstimate,
  numberWithin,
  ofUnknownError,
  pointsOf,
  sameSeeds,
} from '../statistics/index.js';
import {
  atBits,
  type Claim,
  claimOf,
  type ClaimPart,
  effectIn,
  effectOn,
  formatThreshold,
  gap,
  hurtBy,
  hurtFrom,
  imagesNote,
  networksAt,
  type QuantizedPoint,
  replicated,
  thresholdsOf,
} from './claim.js';

/** Accuracies of one network at one s, seed and number of bits. */
export type ThresholdPoint = QuantizedPoint;

/** C3: quantization takes less from a network with the smallest s of the grid than from one with plain BN. */
export function claimC3(all: readonly ThresholdPoint[], bits: readonly number[]): Claim {
  return claimOf({
    id: 'C3',
    statement: 'With plain BN, per-layer accuracy falls well below FP32; a smaller s closes the gap.',
    rule:
      'Held: the gap between FP32 and quantized is smaller with the smallest s than with plain BN. Precondition: with plain BN it is at least ' +
      `${100 * hurtFrom} points, and some network keeps half of its accuracy.${imagesNote(all)}`,
    parts: bits.map((b) => closing(replicated(atBits(all, b)), b)),
  });
}

function closing(points: readonly ThresholdPoint[], bits: number): ClaimPart {
  const least = thresholdsOf(points)[0]!;
  const [plain, smallest] = [networksAt(points, Infinity), networksAt(points, least)];
  const hurt = hurtBy(plain);
  const standing = points.some((point) => point.accuracy >= point.fp32 / 2);
  const closed = effectOf(sameSeeds(plain, smallest).map(([from, to]) => [...gap(from), ...gap(to, -1)]));
  const reason = !hurt.met
    ? ` Not judged: ${hurt.text}.`
    : standing
      ? ''
      : ' Not judged: every network has lost more than half of its accuracy, whatever s.';
  return {
    name: `${bits} bits`,
    verdict: reason === '' ? greater(closed).verdict : 'precondition not met',
    ...effectIn(closed),
    evidence:
      `The gap at ${bits} bits is ${pointsOf(hurt.loss)} with plain BN and ${pointsOf(effectOn(smallest, gap))} at s = ${least}: ` +
      `closed by ${pointsOf(closed)}.${reason}`,
  };
}

/**
 * C4: the smallest s of the grid costs accuracy in FP32 and quantized alike, against the best larger s (∞
 * among them), which is chosen on seeds and images by which it is not judged (`bestOf`).
 */
export function claimC4(all: readonly ThresholdPoint[], bits: readonly number[]): Claim {
  const least = thresholdsOf(replicated(all))[0]!;
  return claimOf({
    id: 'C4',
    statement: `A very small s (${least}) costs accuracy in FP32 and quantized alike; there is a proper range.`,
    rule:
      'Held: the best larger s, chosen on other seeds and other images than those it is judged by, is ahead of the smallest both in FP32 and ' +
      `quantized.${imagesNote(all)}`,
    parts: bits.map((b) => costing(replicated(atBits(all, b)), b, least)),
  });
}

function costing(points: readonly ThresholdPoint[], bits: number, least: number): ClaimPart {
  const larger = thresholdsOf(points).filter((threshold) => threshold > least);
  const { networks, chosen } = bestOf(larger.map((name) => ({ name, networks: networksAt(points, name) })));
  const pairs = sameSeeds(networks, networksAt(points, least));
  const ahead = (of: 'fp32' | 'quantized'): MeanEstimate =>
    effectOf(
      pairs.map(([best, smallest]) => [
        [1, best[of]],
        [-1, smallest[of]],
      ]),
    );
  const [inFp32, inInt] = [ahead('fp32'), ahead('quantized')];
  return {
    name: `${bits} bits`,
    verdict: allOf([greater(inFp32), greater(inInt)]),
    ...effectIn(inInt),
    evidence:
      `At ${bits} bits the best s of the others is ${chosen.map(formatThreshold).join(' or ')}; against it, s = ${least} costs ` +
      `${pointsOf(inFp32)} in FP32 and ${pointsOf(inInt)} at ${bits} bits.`,
  };
}

/**
 * C5: the curves over s have the same shape on two datasets. One dataset's curve, less its mean, weighs the
 * points of the other: the sum over s of the two is above 0 where they rise and fall together. The weights
 * are independent of what they weigh, so the test keeps its error rate; it is done both ways round, in FP32
 * and quantized.
 */
export function claimC5(
  ofCifar: readonly ThresholdPoint[],
  ofImagenet: readonly ThresholdPoint[],
  bits: readonly number[],
): Claim {
  return claimOf({
    id: 'C5',
    statement: 'FP32 and quantized accuracy over s have the same shape on CIFAR-10 and on ImageNet.',
    rule:
      'Held: over the shared s, each dataset’s mean accuracies rise and fall with the other’s, in FP32 and quantized; the effect is by ' +
      `how much CIFAR-10’s quantized accuracy changes where ImageNet’s changes by 1.${imagesNote([...ofCifar, ...ofImagenet])}`,
    parts: bits.map((b) => alike(replicated(atBits(ofCifar, b)), replicated(atBits(ofImagenet, b)), b)),
  });
}

function alike(
  cifar: readonly ThresholdPoint[],
  imagenet: readonly ThresholdPoint[],
  bits: number,
): ClaimPart {
  const shared = thresholdsOf(cifar).filter((threshold) => thresholdsOf(imagenet).includes(threshold));
  const sides = [cifar, imagenet].map((points) => shared.map((threshold) => networksAt(points, threshold)));
  const of = ['fp32', 'quantized'] as const;
  const slopes = of.map((name) => [slope(sides[0]!, sides[1]!, name), slope(sides[1]!, sides[0]!, name)]);
  const rho = of.map((name) => rankCorrelation(curveOf(sides[0]!, name), curveOf(sides[1]!, name)));
  const text = (value: number): string => value.toFixed(2).replace('-', '−');
  return {
    name: `${bits} bits`,
    verdict: allOf(slopes.flat().map(greater)),
    ...effectIn(slopes[1]![0]!, (estimate) => `slope ${numberWithin(intervalOf(estimate))}`),
    evidence:
      `Over s = ${shared.map(formatThreshold).join(', ')}, CIFAR-10’s accuracy changes by ${numberWithin(intervalOf(slopes[0]![0]!))} in FP32 and ` +
      `${numberWithin(intervalOf(slopes[1]![0]!))} at ${bits} bits where ImageNet’s changes by 1; the ranks of the mean accuracies ` +
      `correlate with ρ = ${text(rho[0]!)} and ${text(rho[1]!)}.`,
  };
}

/** The mean accuracy at each threshold. */
const curveOf = (side: readonly (readonly Judged[])[], of: 'fp32' | 'quantized'): number[] =>
  side.map((networks) => networks.reduce((sum, network) => sum + network[of].accuracy, 0) / networks.length);

/** The slope of the regression of `judged`'s accuracies on `weights`' mean ones, over the thresholds. */
function slope(
  judged: readonly (readonly Judged[])[],
  weights: readonly (readonly Judged[])[],
  of: 'fp32' | 'quantized',
): MeanEstimate {
  const curve = curveOf(weights, of);
  const mean = curve.reduce((sum, value) => sum + value, 0) / curve.length;
  const squares = curve.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  // Means that are equal up to rounding weigh nothing.
  if (squares < 1e-18) return ofUnknownError(0);
  return effectOf(
    sameSeeds(...judged).map((row) => row.map((network, i) => [(curve[i]! - mean) / squares, network[of]])),
  );
}

/**
 * Spearman's ρ of two lists of the same length, equal values sharing their mean rank; 0 where a list is
 * constant.
 */
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
