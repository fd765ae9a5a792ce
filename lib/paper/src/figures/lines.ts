/** Lines over categories or numbers, with the spread over seeds as error bars. */
import { colorAt, axis, type Figure, layoutOf, symbols, type Titles } from 'tslab-kernel/display';

/** The points of one line. */
export interface LineSeries {
  /** Its name in the legend. */
  readonly name: string;
  /** The x values. */
  readonly x: readonly (number | string)[];
  /** The y values, as many; the line has a gap at null. */
  readonly y: readonly (number | null)[];
  /** Half the length of the error bar at each point; none where there is one seed. */
  readonly error?: readonly (number | null)[];
  /** Default `solid`. */
  readonly dash?: 'solid' | 'dash' | 'dot';
  /** A marker at each point; default true. False for curves of many points. */
  readonly markers?: boolean;
  /** Whether the points are joined; default true. */
  readonly joined?: boolean;
  /** Index in the palette, where several lines belong together, or a colour; default the index in the list. */
  readonly color?: number | string;
}

/** What a figure of lines shows. */
export interface LineOptions extends Titles {
  /** The lines. */
  readonly series: readonly LineSeries[];
  /** `category` puts the x values side by side in the order of the first series. */
  readonly xKind?: 'linear' | 'log' | 'category';
  /** The range of the y axis; default that of the points. */
  readonly yRange?: readonly [number, number];
}

/**
 * Few values are their own ticks: between epochs 1 and 2 there is nothing, and on a log axis Plotly would write
 * 0.002 as «2», and leave 0.005 out.
 */
function ticksAtValues(series: readonly LineSeries[]): { tickvals?: number[]; ticktext?: string[] } {
  const values = [...new Set(series.flatMap(({ x }) => x.map(Number)))].sort((a, b) => a - b);
  return values.length > 6 ? {} : { tickvals: values, ticktext: values.map(String) };
}

/** Lines with markers and error bars, as Plotly JSON. */
export function lineFigure({ series, xKind = 'linear', yRange, ...titles }: LineOptions): Figure {
  const data = series.map((line, i) => {
    const { name, x, y, error, dash = 'solid', markers = true, joined = true } = line;
    const color = typeof line.color === 'string' ? line.color : colorAt(line.color ?? i);
    return {
      type: 'scatter',
      mode: !joined ? 'markers' : markers ? 'lines+markers' : 'lines',
      ...{ name, x, y },
      line: { color, width: 2.5, dash },
      marker: { color, size: 9, symbol: symbols[i % symbols.length] },
      ...(error && { error_y: { type: 'data', array: error, color, thickness: 1.5 } }),
    };
  });
  const layout = layoutOf(titles, {
    xaxis: axis(titles.xTitle, { type: xKind, ...(xKind !== 'category' && ticksAtValues(series)) }),
    yaxis: axis(titles.yTitle, yRange ? { range: yRange } : {}),
  });
  return { data, layout };
}
