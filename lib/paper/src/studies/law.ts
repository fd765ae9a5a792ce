/**
 * The law behind claims C3, C4 and C11: what uniform quantization leaves of a network's accuracy follows the
 * level spacing of its weights (`oabn/doctor`, law.ts), whatever brought it about: s, bits, width or kind of
 * network. Here it is measured on the runs of a profile, fitted with its error, and tried on networks that it
 * was not fitted on.
 */
import { pretrainConfig, ptqConfig } from 'oabn/experiment';
import { keptAccuracy, keptAt, type Law, levelSpacing } from 'oabn/doctor';
import { summarizeRows } from 'oabn/merge';
import { formatThreshold } from '../claims/index.js';
import { keptOf } from './measured.js';
import type { RecipeRow } from './recipes.js';
import { networksOf, type Study } from './study.js';

/** What the law is measured on. */
export type LawNetwork = 'RepVGG' | 'VGG' | 'QARepVGG';

/** A network at some bits. */
export interface LawCell {
  /** The kind of network. */
  readonly network: LawNetwork;
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** b of weights and activations. */
  readonly bits: number;
}

/** One network at one number of bits. */
export interface LawPoint {
  /** What the points of a curve share, as figures name it: «RepVGG, s = 0.5». */
  readonly group: string;
  /** Network and seed: the points of one network go together. */
  readonly cluster: string;
  /** b of weights and activations. */
  readonly bits: number;
  /** Mean over the quantized layers of max|w|/σ / (2^(b−1) − 1). */
  readonly spacing: number;
  /** The share of the accuracy above chance that is kept; noise can take it slightly outside [0, 1]. */
  readonly kept: number;
  /** Whether the law is fitted on it: on RepVGG with BN and OABN. */
  readonly fitted: boolean;
}

/** Which networks, on which data. */
export interface LawGrid {
  /** Default RepVGG and VGG. */
  readonly networks?: readonly LawNetwork[];
  /** The number of classes, which sets the accuracy of guessing; default CIFAR-10's. */
  readonly classes?: number;
}

const branches: Partial<Record<LawNetwork, object>> = {
  VGG: { branches: ['3x3'] },
  QARepVGG: { block: 'qarepvgg' },
};

/**
 * Uniform per-layer PTQ of RepVGG over s and bits, of figure 2's VGG, and, if asked, of table 3's QARepVGG,
 * which is trained on the ImageNet side only.
 */
export function lawStudy({ networks = ['RepVGG', 'VGG'], classes = 10 }: LawGrid = {}): Study<
  LawCell,
  LawPoint
> {
  return {
    name: 'level spacing',
    cells({ thresholds, curveThresholds, seeds, tableSeeds, ptqBits }) {
      const of = (network: LawNetwork): { seed: number; threshold: number }[] => {
        if (network === 'RepVGG') return networksOf(seeds, thresholds, curveThresholds);
        return networksOf(network === 'VGG' ? seeds.slice(0, 1) : tableSeeds, [Infinity]);
      };
      return networks.flatMap((network) =>
        of(network).flatMap((cell) => ptqBits.map((bits) => ({ network, ...cell, bits }))),
      );
    },
    config: ({ network, threshold, seed, bits }, lab) =>
      ptqConfig(lab, {
        bits,
        source: pretrainConfig(lab, {
          ...{ threshold, seed },
          ...(branches[network] && { arch: { ...lab.defaults.arch, ...branches[network] } }),
        }),
      }),
    row({ network, threshold, seed, bits }, { accuracy }, { accuracy: fp32, outliers }) {
      const group = network === 'RepVGG' ? `RepVGG, s = ${formatThreshold(threshold)}` : network;
      const spacing = levelSpacing(summarizeRows(outliers).meanPeakToSigma, bits);
      const fitted = network === 'RepVGG';
      const kept = keptOf(accuracy, fp32, classes);
      return { group, cluster: `${group}, seed ${seed}`, bits, spacing, fitted, kept };
    },
  };
}

/** Networks of other widths and lengths of training, from the search for recipes: never fitted on. */
export function recipePoints(rows: readonly RecipeRow[], classes = 10): LawPoint[] {
  return rows.flatMap(({ name, accuracy, meanPeakToSigma, quantized }) =>
    Object.entries(quantized).map(([bits, left]) => ({
      ...{ group: 'other widths', cluster: name, bits: Number(bits), fitted: false },
      spacing: levelSpacing(meanPeakToSigma, Number(bits)),
      kept: keptOf(left, accuracy, classes),
    })),
  );
}

/** A fitted law with its errors. */
export interface LawFit extends Law {
  /** Standard errors, by leaving out one network at a time (jackknife over clusters). */
  readonly midpointError: number;
  /** Like `midpointError`, of the steepness. */
  readonly steepnessError: number;
  /** Root mean square of kept − predicted, on the points of the fit and on the others. */
  readonly rmse: number;
  /** The same on points that were not fitted; absent without any. */
  readonly rmseElsewhere?: number;
  /**
   * How many of the points that were not fitted lie between the least and the most that the law allows for,
   * of how many.
   */
  readonly within?: readonly [number, number];
  /** How many points were fitted. */
  readonly points: number;
}

/** Fits the curve by least squares to the points marked for it. Needs at least three networks. */
export function fitLaw(points: readonly LawPoint[], source: string): LawFit {
  const fitted = points.filter((point) => point.fitted);
  const others = points.filter((point) => !point.fitted);
  const curve = leastSquares(fitted);
  const clusters = [...new Set(fitted.map(({ cluster }) => cluster))];
  const without = clusters.map((name) =>
    leastSquares(
      fitted.filter(({ cluster }) => cluster !== name),
      curve,
    ),
  );
  const error = (of: (each: Curve) => number): number => {
    const values = without.map(of);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return Math.sqrt((squares * (values.length - 1)) / values.length);
  };
  const midpoints = clusters.flatMap((name) => {
    const own = fitted.filter(({ cluster }) => cluster === name);
    return own.some(({ kept }) => kept > 0.05 && kept < 0.95) ? [Math.log(ownMidpoint(own, curve))] : [];
  });
  const spread = deviation(midpoints);
  return {
    ...curve,
    ...{ spread, source, points: fitted.length },
    midpointError: error(({ midpoint }) => midpoint),
    steepnessError: error(({ steepness }) => steepness),
    rmse: lawError(fitted, curve),
    ...(others.length > 0 && {
      rmseElsewhere: lawError(others, curve),
      within: [
        others.filter((point) => isWithin(point, { ...curve, spread })).length,
        others.length,
      ] as const,
    }),
  };
}

/** A fit as a row of a table: the curve, and how far it is off. */
export function lawRow(law: LawFit): Record<string, string> {
  const withError = (value: number, error: number, digits: number): string =>
    `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
  return {
    'half is left at (σ)': withError(law.midpoint, law.midpointError, 2),
    steepness: withError(law.steepness, law.steepnessError, 1),
    'spread over networks': law.spread.toFixed(2),
    'error where fitted': law.rmse.toFixed(3),
    'error elsewhere': law.rmseElsewhere?.toFixed(3) ?? '–',
    'elsewhere within the band': law.within ? law.within.join(' of ') : '–',
  };
}

type Curve = Pick<Law, 'midpoint' | 'steepness'>;

/** What measuring an accuracy on some thousand images may add to what a network keeps. */
const measuringError = 0.03;

function isWithin({ spacing, kept }: LawPoint, curve: Omit<Law, 'source'>): boolean {
  const { least, most } = keptAccuracy(spacing, { ...curve, source: '' });
  return kept > least - measuringError && kept < most + measuringError;
}

const squaredError = (points: readonly LawPoint[], curve: Curve): number =>
  points.reduce((sum, { spacing, kept }) => sum + (kept - keptAt(spacing, curve)) ** 2, 0);

/** Root mean square of kept − expected over points to which the curve need not have been fitted. */
export function lawError(points: readonly LawPoint[], curve: Pick<Law, 'midpoint' | 'steepness'>): number {
  return Math.sqrt(squaredError(points, curve) / points.length);
}

/** A grid, then ever finer ones about the best point: two numbers with a single minimum need no more. */
function leastSquares(points: readonly LawPoint[], start?: Curve): Curve {
  let best: Curve = start ?? { midpoint: 1, steepness: 4 };
  let least = squaredError(points, best);
  for (let step = start ? 0.05 : 0.4; step > 1e-5;) {
    const before = least;
    for (const [a, b] of [...sides, ...corners]) {
      const curve = {
        midpoint: best.midpoint * Math.exp(a * step),
        steepness: best.steepness * Math.exp(b * step),
      };
      const error = squaredError(points, curve);
      if (error < least) [best, least] = [curve, error];
    }
    if (least === before) step /= 2;
  }
  return best;
}
const sides = [1, -1].flatMap((sign) => [[sign, 0] as const, [0, sign] as const]);
const corners = [1, -1].flatMap((a) => [1, -1].map((b) => [a, b] as const));

/** Where the curve of one network lies, at the common steepness. */
function ownMidpoint(points: readonly LawPoint[], { midpoint, steepness }: Curve): number {
  const candidates = Array.from({ length: 401 }, (_, i) => midpoint * Math.exp((i - 200) / 200));
  return candidates.reduce((best, candidate) =>
    squaredError(points, { midpoint: candidate, steepness }) <
    squaredError(points, { midpoint: best, steepness })
      ? candidate
      : best,
  );
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
