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
 * The curve with the band of 95% of the networks, and the points by group. Where the curve was fitted on some
 * groups, the others say that it was not fitted on them.
 */
export function lawFigure(points: readonly LawPoint[], { law, source }: LawFigureOptions): Figure {
  const isFittedHere = points.some(({ fitted }) => fitted);
  const nameOf = ({ group, fitted }: LawPoint): string =>
    isFittedHere && !fitted ? `${group} (not fitted)` : group;
  const spacings = points.map(({ spacing }) => spacing);
  const [from, to] = [Math.log(Math.min(...spacings)), Math.log(Math.max(...spacings))];
  const x = Array.from({ length: 81 }, (_, i) => Math.exp(from + ((to - from) * i) / 80));
  const of = (value: 'expected' | 'least' | 'most'): number[] =>
    x.map((spacing) => 100 * keptAccuracy(spacing, law)[value]);
  // The same in every figure, and not that of a group.
  const curve = { markers: false, color: '#444444' };
  const scatter = [...new Set(points.map(nameOf))].map((name): LineSeries => {
    const at = points.filter((point) => nameOf(point) === name);
    return {
      ...{ name, joined: false },
      x: at.map(({ spacing }) => spacing),
      y: at.map(({ kept }) => 100 * kept),
    };
  });
  return lineFigure({
    title: 'The law of level spacing',
    subtitle: source,
    xTitle: 'spacing of the levels in σ of the weights, mean over layers',
    yTitle: 'accuracy above chance that is kept (%)',
    xKind: 'log',
    series: [
      ...scatter,
      { ...curve, name: isFittedHere ? 'fitted curve' : 'curve, fitted on others', x, y: of('expected') },
      // Both limits in one line with a gap, which has one name in the legend.
      {
        ...{ ...curve, name: '95% of networks', dash: 'dot' },
        x: [...x, x.at(-1)!, ...x],
        y: [...of('least'), null, ...of('most')],
      },
    ],
  });
}
