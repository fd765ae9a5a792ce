/** Bars over categories, side by side or stacked. */
import { axis, colorAt, type Figure, layoutOf, type Titles } from 'tslab-kernel/display';

/** Bars of one colour; `error` is half the length of their error bars. */
export interface BarSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** The categories. */
  readonly x: readonly (number | string)[];
  /** The heights. */
  readonly y: readonly number[];
  /** Half the length of each error bar; default none. */
  readonly error?: readonly number[];
  /** Index in the palette, where other figures have the same bars; default the index in the list. */
  readonly color?: number;
}

/** What a figure of bars shows. */
export interface BarOptions extends Titles {
  /** The bars, a colour for each series. */
  readonly series: readonly BarSeries[];
  /** `relative` stacks positive values up and negative ones down. */
  readonly mode?: 'group' | 'relative';
  /** The range of the y axis; default that of the bars. */
  readonly yRange?: readonly [number, number];
}

/** Bars over categories, side by side or stacked, as Plotly JSON. */
export function barFigure({ series, mode = 'group', yRange, ...titles }: BarOptions): Figure {
  const data = series.map(({ name, x, y, error, color }, i) => ({
    type: 'bar',
    name,
    x,
    y,
    marker: { color: colorAt(color ?? i) },
    ...(error && { error_y: { type: 'data', array: error, color: '#444444', thickness: 1.5 } }),
  }));
  const layout = layoutOf(titles, {
    barmode: mode,
    xaxis: axis(titles.xTitle, { type: 'category' }),
    yaxis: axis(titles.yTitle, {
      ...(yRange && { range: yRange }),
      zeroline: true,
      zerolinecolor: '#444444',
    }),
  });
  return { data, layout };
}
