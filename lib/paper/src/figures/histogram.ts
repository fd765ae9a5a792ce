/**
 * Histograms as step lines, one for each series, so that they can be drawn over one another. Binned here, not
 * by Plotly.
 */
import { axis, colorAt, type Figure, layoutOf, type Titles } from 'tslab-kernel/display';

/** The values of one curve. */
export interface HistogramSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** The values, in any order. */
  readonly values: Float32Array;
}

/** What a histogram shows. */
export interface HistogramOptions extends Titles {
  /** The curves. */
  readonly series: readonly HistogramSeries[];
  /** In units of the values. */
  readonly binWidth: number;
  /** A log axis shows single outliers next to millions; default true. */
  readonly logCounts?: boolean;
}

/**
 * Half a weight: the foot of the steps on a log axis, so that a bin of one weight is visible, alone or next
 * to others.
 */
const logFloor = 0.5;

/** Histograms with the same bins as stepped curves, one over the other, as Plotly JSON. */
export function histogramFigure({ series, binWidth, logCounts = true, ...titles }: HistogramOptions): Figure {
  const floor = logCounts ? logFloor : 0;
  let most = 1;
  const data = series.map(({ name, values }, i) => {
    const { centres, counts } = binCounts(values, binWidth);
    most = counts.reduce((a, b) => Math.max(a, b), most);
    // An empty bin at both ends, from which the steps rise.
    const x = [centres[0]! - binWidth, ...centres, centres.at(-1)! + binWidth];
    const all = [0, ...counts, 0];
    return {
      type: 'scatter',
      mode: 'lines',
      name,
      x,
      y: all.map((count) => Math.max(count, floor)),
      customdata: all,
      line: { shape: 'hvh', color: colorAt(i), width: 2 },
      hovertemplate: `${name}<br>%{x}: %{customdata} weights<extra></extra>`,
    };
  });
  const log = { type: 'log', dtick: 1, range: [Math.log10(logFloor), Math.log10(most) + 0.3] };
  return {
    data,
    layout: layoutOf(titles, { yaxis: axis(titles.yTitle, logCounts ? log : { rangemode: 'tozero' }) }),
  };
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
