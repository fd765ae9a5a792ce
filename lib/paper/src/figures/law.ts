/**
 * Kept accuracy against level spacing: every network, s and number of bits in one plot, with the fitted
 * curve.
 */
import { keptAccuracy, type Law } from 'oabn/doctor';
import type { LawPoint } from '../studies/index.js';
import { lineFigure, type LineSeries } from './lines.js';
import type { Figure } from 'tslab-kernel/display';

/** What is drawn besides the points. */
export interface LawFigureOptions {
  /** The fitted curve. */
  readonly law: Law;
  /** Where the points come from. */
  readonly source: string;
}

/**
 * The curve with the band of 95% of the networks, and the points by group; groups that were not fitted on say
 * so.
 */
export function lawFigure(points: readonly LawPoint[], { law, source }: LawFigureOptions): Figure {
  const groups = [...new Set(points.map(({ group, fitted }) => `${group}${fitted ? '' : ' (not fitted)'}`))];
  const spacings = points.map(({ spacing }) => spacing);
  const [from, to] = [Math.log(Math.min(...spacings)), Math.log(Math.max(...spacings))];
  const x = Array.from({ length: 81 }, (_, i) => Math.exp(from + ((to - from) * i) / 80));
  const curve = (name: string, of: 'expected' | 'least' | 'most', dash: LineSeries['dash']): LineSeries => ({
    ...{ name, x, y: x.map((spacing) => 100 * keptAccuracy(spacing, law)[of]) },
    // The same in every figure, and not that of a group.
    ...{ markers: false, dash: dash!, color: '#444444' },
  });
  const scatter = groups.map((name): LineSeries => {
    const at = points.filter(({ group, fitted }) => name === `${group}${fitted ? '' : ' (not fitted)'}`);
    return {
      ...{ name, joined: false },
      x: at.map(({ spacing }) => spacing),
      y: at.map(({ kept }) => 100 * kept),
    };
  });
  return lineFigure({
    title: 'The law of level spacing',
    subtitle: source,
    xTitle: 'mean over layers of max|w| / σ / (2^(b−1) − 1), in σ',
    yTitle: 'accuracy above chance that is kept (%)',
    xKind: 'log',
    series: [
      ...scatter,
      curve('fitted', 'expected', 'solid'),
      curve('least of 95% of networks', 'least', 'dot'),
      curve('most', 'most', 'dot'),
    ],
  });
}
