/** The marks of each kind of trace: lines with markers and error bars, bars, cells of a heat map. */
import { interpolateViridis } from 'd3-scale-chromatic';
import { colorAt } from '../display/style.js';
import type { Scale } from './scale.js';
import type { BarSpec, ErrorSpec, HeatmapSpec, ScatterSpec } from './spec.js';
import { element, hundredths, line } from './svg.js';

export interface Scales {
  readonly x: Scale;
  readonly y: Scale;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

export const traceColor = (trace: ScatterSpec | BarSpec, i: number): string =>
  ('line' in trace ? trace.line?.color : undefined) ?? trace.marker?.color ?? colorAt(i);

/** Lines, markers and error bars of a scatter trace. */
export function scatterMarks(trace: ScatterSpec, i: number, scales: Scales): string {
  const color = traceColor(trace, i);
  const { mode = 'lines' } = trace;
  const points = trace.y.map((y, j) => pointAt(trace.x[j]!, y, scales));
  const { width = 2, dash, shape } = trace.line ?? {};
  const path = runsOf(points)
    .map((run) => (shape === 'hvh' ? stepPath(run) : `M${run.map(xy).join('L')}`))
    .join('');
  const stroke = element('path', {
    d: path,
    fill: 'none',
    stroke: color,
    'stroke-width': width,
    'stroke-linejoin': 'round',
    'stroke-dasharray': dashes(dash, width),
  });
  const markers = points.map((point) => (point ? marker(point, trace.marker, color) : ''));
  return [
    mode.includes('lines') ? stroke : '',
    errorBars('x', trace.x, trace.error_x, { points, scales, color }),
    errorBars('y', trace.y, trace.error_y, { points, scales, color }),
    ...(mode.includes('markers') ? markers : []),
  ].join('');
}

function pointAt(x: number | string, y: number | string | null, scales: Scales): Point | undefined {
  const [px, py] = [scales.x.place(x), y === null ? undefined : scales.y.place(y)];
  return px === undefined || py === undefined ? undefined : { x: px, y: py };
}

const xy = ({ x, y }: Point): string => `${hundredths(x)} ${hundredths(y)}`;

/** The points without the gaps, cut where the gaps were. */
function runsOf(points: readonly (Point | undefined)[]): Point[][] {
  const runs: Point[][] = [[]];
  for (const point of points) {
    if (point) runs.at(-1)!.push(point);
    else if (runs.at(-1)!.length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

/** Steps that change half-way between two points. */
function stepPath(run: readonly Point[]): string {
  const steps = run
    .slice(1)
    .map(({ x, y }, i) => `H${hundredths((run[i]!.x + x) / 2)}V${hundredths(y)}H${hundredths(x)}`);
  return `M${xy(run[0]!)}${steps.join('')}`;
}

/** A dash by its name in Plotly, in SVG's form. */
export const dashes = (dash: string | undefined, width: number): string | undefined =>
  dash === 'dash' ? `${3 * width} ${2 * width}` : dash === 'dot' ? `${width} ${width}` : undefined;

/** A marker by its name in Plotly, `size` pixels across. */
export function marker(
  { x, y }: Point,
  { size = 6, symbol = 'circle' }: ScatterSpec['marker'] = {},
  fill: string,
): string {
  const r = size / 2;
  const corners = symbolCorners[symbol];
  if (!corners) return element('circle', { cx: x, cy: y, r, fill });
  const points = corners.map(([dx, dy]) => `${hundredths(x + dx * r)},${hundredths(y + dy * r)}`).join(' ');
  return element('polygon', { points, fill });
}

type Corners = readonly (readonly [number, number])[];

/** Corners around a centre, by angle from the top and radius. */
const around = (count: number, radii: readonly number[], from = 0): Corners =>
  Array.from({ length: count }, (_, i) => {
    const angle = from + (2 * Math.PI * i) / count;
    const radius = radii[i % radii.length]!;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)] as const;
  });

const bar = 0.4;
const plus: Corners = [
  [-bar, -1], [bar, -1], [bar, -bar], [1, -bar], [1, bar], [bar, bar],
  [bar, 1], [-bar, 1], [-bar, bar], [-1, bar], [-1, -bar], [-bar, -bar],
]; // prettier-ignore
const turned = (corners: Corners): Corners =>
  corners.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]);

const symbolCorners: Readonly<Record<string, Corners>> = {
  square: around(4, [1.25], Math.PI / 4),
  diamond: around(4, [1.3]),
  'triangle-up': around(3, [1.2]),
  cross: plus,
  x: turned(plus),
  star: around(10, [1.4, 0.55]),
  hexagon: around(6, [1.15]),
};

/** Error bars along one axis, around the points that `values` of that axis have. */
function errorBars(
  along: 'x' | 'y',
  values: readonly (number | string | null)[],
  spec: ErrorSpec | undefined,
  { points, scales, color }: { points: readonly (Point | undefined)[]; scales: Scales; color: string },
): string {
  if (!spec) return '';
  const across = along === 'x' ? 'y' : 'x';
  const segment = (from: Point, to: Point): string =>
    line(from.x, from.y, to.x, to.y, spec.color ?? color, 1.5);
  return points
    .map((point, i) => {
      const [value, error] = [values[i], spec.array[i]];
      if (!point || typeof value !== 'number' || !error) return '';
      const endAt = (end: number): Point => ({ ...point, [along]: scales[along].place(end) ?? point[along] });
      const [most, least] = [endAt(value + error), endAt(value - error)];
      const moved = (end: Point, by: number): Point => ({ ...end, [across]: end[across] + by });
      const cap = (end: Point): string => segment(moved(end, -4), moved(end, 4));
      return segment(most, least) + cap(most) + cap(least);
    })
    .join('');
}

/** Bars side by side, or stacked away from zero. */
export function barMarks(traces: readonly BarSpec[], mode: 'group' | 'relative', scales: Scales): string {
  const width = (0.8 * scales.x.step) / (mode === 'group' ? traces.length : 1);
  const stacked = new Map<string, number>();
  return traces
    .map((trace, i) => {
      const points = trace.y.map((value, j) => {
        const key = `${trace.x[j]} ${value < 0 ? 'below' : 'above'}`;
        const base = mode === 'relative' ? (stacked.get(key) ?? 0) : 0;
        stacked.set(key, base + value);
        const centre =
          scales.x.place(trace.x[j]!)! + (mode === 'group' ? (i - (traces.length - 1) / 2) * width : 0);
        const [y, zero] = [scales.y.place(base + value)!, scales.y.place(base)!];
        return { x: centre, y, zero };
      });
      const bars = points.map(({ x, y, zero }) =>
        element('rect', {
          x: x - width / 2,
          y: Math.min(y, zero),
          width,
          height: Math.abs(zero - y),
          fill: traceColor(trace, i),
        }),
      );
      return bars.join('') + errorBars('y', trace.y, trace.error_y, { points, scales, color: '#444444' });
    })
    .join('');
}

/** Cells of a heat map, `cell` pixels wide and high, from the top left corner. */
export function heatmapMarks(
  { z }: HeatmapSpec,
  [low, high]: readonly [number, number],
  { x, y }: Point,
  cell: number,
  upwards: boolean,
): string {
  return z
    .flatMap((row, i) =>
      row.map((value, j) => {
        if (value === null) return '';
        const top = y + (upwards ? z.length - 1 - i : i) * cell;
        const fill = interpolateViridis((value - low) / (high - low || 1));
        return element('rect', { x: x + j * cell, y: top, width: cell * 0.97, height: cell * 0.97, fill });
      }),
    )
    .join('');
}
