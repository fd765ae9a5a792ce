/** Dots on lines of named things, for comparisons of many: the names are read from top to bottom. */
import { axis, colorAt, type Figure, layoutOf, type Titles } from 'tslab-kernel/display';

/** Dots of one colour, at most one on each line. */
export interface DotSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** The names of the lines. */
  readonly y: readonly string[];
  /** The values. */
  readonly x: readonly number[];
  /** Half the length of each error bar; default none. */
  readonly error?: readonly number[];
}

/** What a figure of dots shows. */
export interface DotOptions extends Titles {
  /** The dots, a colour and a form for each series. */
  readonly series: readonly DotSeries[];
  /** The range of the x axis; default that of the dots. */
  readonly xRange?: readonly [number, number];
}

const symbols = ['circle', 'square', 'diamond', 'triangle-up'] as const;

/** The height of a line, and of what surrounds them, in pixels. */
const [lineHeight, surroundings] = [30, 190];

/** Dots on the lines of the first series' names, then of the others', as Plotly JSON. */
export function dotFigure({ series, xRange, ...titles }: DotOptions): Figure {
  const data = series.map(({ name, x, y, error }, i) => ({
    type: 'scatter',
    mode: 'markers',
    name,
    x,
    y,
    marker: { color: colorAt(i), size: 10, symbol: symbols[i % symbols.length] },
    ...(error && { error_x: { type: 'data', array: error, color: colorAt(i), thickness: 1.5 } }),
  }));
  const lines = new Set(series.flatMap(({ y }) => y)).size;
  const layout = layoutOf(titles, {
    height: surroundings + lineHeight * lines,
    showlegend: series.length > 1,
    xaxis: axis(titles.xTitle, xRange && { range: xRange }),
    yaxis: axis(titles.yTitle, { type: 'category', autorange: 'reversed' }),
  });
  return { data, layout };
}
