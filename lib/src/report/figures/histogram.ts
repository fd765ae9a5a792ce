/** Histograms as step lines, one for each series, so that they can lie over each other. Binned here, not by Plotly. */
import { axis, colorAt, type Figure, layoutOf, type Titles } from './style.js';

export interface HistogramSeries {
  readonly name: string;
  readonly values: Float32Array;
}

export interface HistogramOptions extends Titles {
  readonly series: readonly HistogramSeries[];
  readonly binWidth: number;
  /** A log axis shows single outliers beside millions; default true. */
  readonly logCounts?: boolean;
}

export function histogramFigure({ series, binWidth, logCounts = true, ...titles }: HistogramOptions): Figure {
  const data = series.map(({ name, values }, i) => {
    const { centres, counts } = binCounts(values, binWidth);
    // Plotly drops what a log axis cannot show, and so would join the bins across an empty one.
    const y = Array.from(counts, (count) => (count > 0 ? count : logCounts ? null : 0));
    return {
      type: 'scatter',
      mode: 'lines',
      name,
      x: centres,
      y,
      line: { shape: 'hvh', color: colorAt(i), width: 2 },
      fill: 'none',
      hovertemplate: `${name}<br>%{x}: %{y} weights<extra></extra>`,
    };
  });
  const yaxis = axis(titles.yTitle, logCounts ? { type: 'log', dtick: 1, rangemode: 'tozero' } : {});
  return { data, layout: layoutOf(titles, { yaxis }) };
}

/** Counts of `values` in bins of `width` centred at its multiples, from the least to the greatest. */
export function binCounts(values: Float32Array, width: number): { centres: number[]; counts: number[] } {
  const bins = new Map<number, number>();
  for (const value of values) {
    const bin = Math.round(value / width);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const [first, last] = [Math.min(...bins.keys()), Math.max(...bins.keys())];
  const indices = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return { centres: indices.map((bin) => bin * width), counts: indices.map((bin) => bins.get(bin) ?? 0) };
}
