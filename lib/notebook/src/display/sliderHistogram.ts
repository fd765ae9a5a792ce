/**
 * A histogram of values that depend on a number, chosen with a slider below the cell: the kernel computes and
 * counts the values, the page draws the bars.
 *
 *     sliderHistogram({ label: 's', min: 0.1, max: 2, xTitle: 'ratio, limited to ±s' }, (s) =>
 *       ratios.map((r) => Math.max(-s, Math.min(s, r))),
 *     );
 *
 * Only counts travel, so that ten million values update as smoothly as a thousand.
 */
import { check } from 'oabn-base';
import { figurePicture } from './figure.js';
import { histogramScript } from './histogramPage.js';
import { type SliderOptions, sliderState, type SliderState, sliderText } from './slider.js';
import { sliderScript } from './sliderPage.js';
import { axis, colorAt, type Figure, layoutOf } from './style.js';
import { widget, type Widget } from './widget.js';

/** The slider, and the histogram above it. */
export interface SliderHistogramOptions extends SliderOptions {
  /** Default none. */
  readonly title?: string;
  /** The title of the x axis; default none. */
  readonly xTitle?: string;
  /** The title of the y axis; default `count`. */
  readonly yTitle?: string;
  /** Default 60. */
  readonly bins?: number;
  /** The range over which bars are drawn; by default it grows with the values, and never shrinks. */
  readonly range?: readonly [number, number];
  /** A logarithmic axis shows one outlier beside a million others; default true. */
  readonly logCounts?: boolean;
}

/** Values, of which those that are not finite are left out, and places to mark by vertical lines. */
export interface Drawn {
  /** What is counted. */
  readonly values: ArrayLike<number>;
  /** Where vertical lines are drawn; default none. */
  readonly lines?: ArrayLike<number>;
}

/** What the page draws: counts of bins of one width from `from` to `to`, and vertical lines. */
export type Bars = { readonly from: number; readonly to: number; readonly counts: readonly number[]; readonly lines: readonly number[] }; // prettier-ignore

/** The state that the widget and its page share. */
export type HistogramState = SliderState & { readonly title: string; readonly xTitle: string; readonly yTitle: string; readonly logCounts: boolean; readonly bars: Bars }; // prettier-ignore

const esm = `${sliderScript}${histogramScript}
export default {
  render({ model, el }) {
    el.append(histogram(model), slider(model));
  },
};`;

/**
 * A slider and the histogram of what `draw` returns for its number. Where Jupyter has no anywidget, and on
 * exported pages, it is a picture of the first histogram.
 * @throws UserError for an empty range, fewer than one bin, and outside a notebook
 */
export function sliderHistogram(
  options: SliderHistogramOptions,
  draw: (value: number) => ArrayLike<number> | Drawn,
): Widget<HistogramState> {
  const { title = '', xTitle = '', yTitle = 'count', bins = 60, range, logCounts = true } = options;
  check(Number.isInteger(bins) && bins >= 1, `A histogram needs at least one bin, got ${bins}`);
  check(!range || range[0] < range[1], `A histogram's range must ascend, got [${range?.join(', ')}]`);
  let [from, to] = range ?? [Infinity, -Infinity];
  const barsAt = (value: number): Bars => {
    const drawn = draw(value);
    const { values, lines = [] } = 'length' in drawn ? { values: drawn } : drawn;
    if (!range) [from, to] = extent(values, from, to);
    return { from, to, counts: binCounts(values, from, to, bins), lines: Array.from(lines) };
  };
  const slider = sliderState(options);
  const made = widget<HistogramState>({
    esm,
    state: { ...slider, title, xTitle, yTitle, logCounts, bars: barsAt(slider.value) },
    text: sliderText,
    picture: (state) => figurePicture(figureOf(state)),
  });
  made.onChange = ({ value }) => made.set({ bars: barsAt(value) });
  return made;
}

/** The range from `from` to `to`, widened to hold all values; never empty. */
function extent(values: ArrayLike<number>, from: number, to: number): [number, number] {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < from) from = value;
    if (value > to) to = value;
  }
  if (from > to) return [0, 1];
  return from < to ? [from, to] : [from - 0.5, to + 0.5];
}

/**
 * How many values lie in each of `bins` bins of one width between `from` and `to`, which belongs to the last.
 */
export function binCounts(values: ArrayLike<number>, from: number, to: number, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value >= from && value <= to)) continue;
    counts[Math.min(bins - 1, Math.floor(((value - from) / (to - from)) * bins))]! += 1;
  }
  return counts;
}

/** The same histogram as a figure: steps that rise from an empty bin at either end. */
export function figureOf({ title, label, value, xTitle, yTitle, logCounts, bars }: HistogramState): Figure {
  const { from, to, counts, lines } = bars;
  const width = (to - from) / counts.length;
  const floor = logCounts ? 0.5 : 0;
  const most = Math.max(1, ...counts);
  const steps = {
    type: 'scatter',
    mode: 'lines',
    x: [-1, ...counts.keys(), counts.length].map((bin) => from + (bin + 0.5) * width),
    y: [0, ...counts, 0].map((count) => Math.max(count, floor)),
    line: { shape: 'hvh', color: colorAt(0), width: 2 },
  };
  const marks = {
    type: 'scatter',
    mode: 'lines',
    x: lines.flatMap((x) => [x, x, x]),
    y: lines.flatMap(() => [floor, most, null]),
    line: { color: colorAt(1), width: 1 },
  };
  const log = { type: 'log', dtick: 1, range: [Math.log10(0.5), Math.log10(most) + 0.1] };
  const titles = { title, subtitle: `${label === '' ? 'slider' : label} = ${value}`, xTitle, yTitle };
  return {
    data: lines.length > 0 ? [steps, marks] : [steps],
    layout: layoutOf(titles, {
      showlegend: false,
      yaxis: axis(yTitle, logCounts ? log : { rangemode: 'tozero' }),
    }),
  };
}
