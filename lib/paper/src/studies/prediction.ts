/**
 * What the doctor predicts beside what was measured, remedy by remedy, on networks of many families
 * (`scripts/prediction`): how far the law of level spacing holds for networks that it was not fitted on, and,
 * for remedies other than one scale per layer, the separate laws that the doctor uses.
 */
import { keptAccuracy, type Law, type WeightRemedyName, weightRemedyNames } from 'oabn/doctor';
import { fitLaw, type LawFit, type LawPoint } from './law.js';
import { keptOf } from './measured.js';

/** A network by one remedy at one number of bits. */
export interface MeasuredRemedy {
  readonly remedy: WeightRemedyName | 'foldDead';
  readonly bits: number;
  /** Mean over the quantized layers, in σ, as the doctor computes it from the weights. */
  readonly spacing: number;
  /** In [0, 1]. */
  readonly accuracy: number;
}

/** A network with everything that was measured on it. */
export interface PredictedNetwork {
  /** The name in tables, such as «MobileOne, seed 1». */
  readonly name: string;
  /** Whether the law for one scale per layer was fitted on networks of its kind. */
  readonly ofTheFit: boolean;
  /** Accuracy in FP32. */
  readonly fp32: number;
  readonly rows: readonly MeasuredRemedy[];
}

/** The points of one remedy. */
export function remedyPoints(
  networks: readonly PredictedNetwork[],
  remedy: WeightRemedyName,
  classes = 10,
): LawPoint[] {
  return networks.flatMap(({ name, fp32, rows }) =>
    rows
      .filter((row) => row.remedy === remedy)
      .map(({ bits, spacing, accuracy }) => ({
        ...{ group: name, cluster: name, bits, spacing, fitted: true },
        kept: keptOf(accuracy, fp32, classes),
      })),
  );
}

/** How often what was measured lay between the least and the most that was predicted. */
export interface Coverage {
  readonly within: number;
  readonly of: number;
  /** Root mean square of kept − expected. */
  readonly rmse: number;
}

/** What measuring an accuracy on two thousand images may add to what a network keeps. */
const measuringError = 0.04;

/** How well `law` predicts the points. */
export function coverage(points: readonly LawPoint[], law: Law): Coverage {
  const errors = points.map(({ spacing, kept }) => {
    const { least, expected, most } = keptAccuracy(spacing, law);
    const isWithin = kept > least - measuringError && kept < most + measuringError;
    return { isWithin, squared: (kept - expected) ** 2 };
  });
  const rmse = Math.sqrt(errors.reduce((sum, { squared }) => sum + squared, 0) / errors.length);
  return { within: errors.filter(({ isWithin }) => isWithin).length, of: errors.length, rmse };
}

/** A remedy's own law, and how well laws that were fitted without a network predict it. */
export interface RemedyFit {
  readonly remedy: WeightRemedyName;
  readonly fit: LawFit;
  /** Each network predicted by the law that is fitted on all others. */
  readonly leftOut: Coverage;
}

/** Fits each remedy's law on all networks, and tries it by leaving out one network at a time. */
export function fitRemedies(networks: readonly PredictedNetwork[], source: string): RemedyFit[] {
  return weightRemedyNames.map((remedy) => {
    const points = remedyPoints(networks, remedy);
    const names = [...new Set(points.map(({ cluster }) => cluster))];
    const parts = names.map((name) => {
      const others = points.filter(({ cluster }) => cluster !== name);
      const own = points.filter(({ cluster }) => cluster === name);
      return coverage(own, fitLaw(others, source));
    });
    const of = parts.reduce((sum, part) => sum + part.of, 0);
    const leftOut = {
      within: parts.reduce((sum, part) => sum + part.within, 0),
      of,
      rmse: Math.sqrt(parts.reduce((sum, part) => sum + part.of * part.rmse ** 2, 0) / of),
    };
    return { remedy, fit: fitLaw(points, source), leftOut };
  });
}
