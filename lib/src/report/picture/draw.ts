/**
 * A Plotly figure as SVG, drawn here: no browser, no canvas, the same picture on every machine. It knows what our own
 * figures use (scatter, bar and heatmap traces; linear, log and category axes) and says on the picture what it leaves
 * out.
 */
import type { Figure } from '../figures/index.js';
import { barMarks, heatmapMarks, marker, scatterMarks, traceColor, viridis } from './marks.js';
import { type Extent, type Scale, scaleOf, type Tick } from './scale.js';
import {
  type AxisSpec,
  type BarSpec,
  figureTitle,
  type HeatmapSpec,
  type LayoutSpec,
  plainLines,
  readFigure,
  type ScatterSpec,
} from './spec.js';
import { element, line, text, textWidth } from './svg.js';

/** The rectangle between the axes. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

type Cartesian = ScatterSpec | BarSpec;

const gridColor = '#e6e6e6';
const axisColor = '#444444';

/** The figure as an SVG document of the figure's own size. */
export function figureSvg(figure: Figure): string {
  const { traces, missing, layout } = readFigure(figure);
  const { width = 820, height = 460, font } = layout;
  const heatmap = traces.find((trace) => trace.type === 'heatmap');
  const cartesian = traces.filter((trace) => trace.type !== 'heatmap');
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': font?.family ?? 'sans-serif',
    },
    element('title', {}, text(0, 0, figureTitle(figure)).replace(/<[^>]+>/g, '')),
    element('rect', { width, height, fill: '#ffffff' }),
    ...titles(figure, layout),
    heatmap ? heatmapBody(heatmap, layout, width, height) : cartesianBody(cartesian, layout, width, height),
    missing.length > 0
      ? text(width / 2, height / 2, `Not in this still picture: ${missing.join(', ')}`, { anchor: 'middle', color: '#555555' })
      : '',
  );
}

function titles(figure: Figure, { title }: LayoutSpec): string[] {
  const subtitle = plainLines(title?.subtitle?.text ?? '');
  return [
    text(16, 34, figureTitle(figure), { size: 18 }),
    ...subtitle.map((part, i) => text(16, 54 + 16 * i, part, { size: 12, color: '#555555' })),
  ];
}

function boxOf({ margin }: LayoutSpec, width: number, height: number, left: number, right: number): Box {
  const { r, t, b } = margin ?? { r: 24, t: 84, b: 64 };
  return { left, right: width - r - right, top: t, bottom: height - b };
}

function cartesianBody(traces: readonly Cartesian[], layout: LayoutSpec, width: number, height: number): string {
  const { xaxis = {}, yaxis = {}, barmode = 'group' } = layout;
  const bars = traces.filter((trace) => trace.type === 'bar');
  const xExtent: Extent = { values: traces.flatMap(({ x }) => [...x]), bars: bars.length > 0 };
  const yExtent: Extent = { values: yValues(traces, bars, barmode), bars: bars.length > 0 };

  const names = traces.length > 1 ? traces.map(({ name = '' }) => name) : [];
  const legendWidth = names.length > 0 ? 52 + Math.max(...names.map((name) => textWidth(name, 13))) : 0;
  const verticals = boxOf(layout, width, height, 0, 0);
  const yTicks = (top: number, bottom: number): Scale => scaleOf(yaxis, yExtent, bottom, top, 7);
  const labels = yTicks(verticals.top, verticals.bottom).ticks.map((tick) => textWidth(tick.text, 13));
  const box = boxOf(layout, width, height, 44 + Math.max(0, ...labels), legendWidth);
  const xTickCount = Math.max(2, Math.floor((box.right - box.left) / Math.max(44, ...categoryWidths(xExtent))));
  const scales = { x: scaleOf(xaxis, xExtent, box.left, box.right, xTickCount), y: yTicks(box.top, box.bottom) };

  const zero = yaxis.zeroline ? scales.y.place(0) : undefined;
  return [
    grid(scales.x, scales.y, box),
    zero !== undefined && zero >= box.top && zero <= box.bottom ? line(box.left, zero, box.right, zero, axisColor) : '',
    clipped(
      box,
      barMarks(bars, barmode, scales),
      ...traces.map((trace, i) => (trace.type === 'scatter' ? scatterMarks(trace, i, scales) : '')),
    ),
    axes(scales.x.ticks, scales.y.ticks, xaxis, yaxis, box),
    names.length > 0 ? legend(traces, box) : '',
  ].join('');
}

/** Widths that the categories need under the axis. */
const categoryWidths = ({ values }: Extent): number[] =>
  values.filter((value) => typeof value === 'string').map((value) => textWidth(value, 13) + 14);

/** What the y axis has to show: values, ends of error bars, tops of stacks. */
function yValues(traces: readonly Cartesian[], bars: readonly BarSpec[], mode: 'group' | 'relative'): number[] {
  const shown = mode === 'relative' ? traces.filter((trace) => trace.type !== 'bar') : traces;
  const single = shown.flatMap(({ y, error_y }) =>
    y.flatMap((value, i) => (value === null ? [] : [value, value + (error_y?.array[i] ?? 0), value - (error_y?.array[i] ?? 0)])),
  );
  if (mode !== 'relative') return single;
  const ends = new Map<string, number>();
  for (const { x, y } of bars) {
    y.forEach((value, i) => {
      const key = `${x[i]} ${value < 0}`;
      ends.set(key, (ends.get(key) ?? 0) + value);
    });
  }
  return [...single, ...ends.values()];
}

/** Marks may pass the box by half a marker, but not run into titles and legend. */
function clipped(box: Box, ...marks: readonly string[]): string {
  const rect = element('rect', {
    x: box.left - 6,
    y: box.top - 6,
    width: box.right - box.left + 12,
    height: box.bottom - box.top + 12,
  });
  const path = element('clipPath', { id: 'box' }, rect);
  return element('defs', {}, path) + element('g', { 'clip-path': 'url(#box)' }, ...marks);
}

function grid(x: Scale, y: Scale, box: Box): string {
  return [
    ...x.ticks.map(({ at }) => line(at, box.top, at, box.bottom, gridColor)),
    ...y.ticks.map(({ at }) => line(box.left, at, box.right, at, gridColor)),
  ].join('');
}

/** Axis lines, tick labels and axis titles. */
function axes(xTicks: readonly Tick[], yTicks: readonly Tick[], xaxis: AxisSpec, yaxis: AxisSpec, box: Box): string {
  const middle = (box.top + box.bottom) / 2;
  return [
    line(box.left, box.bottom, box.right, box.bottom, axisColor),
    line(box.left, box.top, box.left, box.bottom, axisColor),
    tickLabels(xTicks, yTicks, box),
    text((box.left + box.right) / 2, box.bottom + 44, axisTitle(xaxis), { anchor: 'middle' }),
    text(20, middle, axisTitle(yaxis), { anchor: 'middle', turn: -90 }),
  ].join('');
}

function tickLabels(xTicks: readonly Tick[], yTicks: readonly Tick[], { left, bottom }: Box): string {
  return [
    ...xTicks.map((tick) => text(tick.at, bottom + 19, tick.text, { size: 13, anchor: 'middle' })),
    ...yTicks.map((tick) => text(left - 7, tick.at + 4.5, tick.text, { size: 13, anchor: 'end' })),
  ].join('');
}

const axisTitle = ({ title }: AxisSpec): string => plainLines(title?.text ?? '').join(' ');

function legend(traces: readonly Cartesian[], box: Box): string {
  return traces
    .map((trace, i) => {
      const [x, y] = [box.right + 16, box.top + 10 + 21 * i];
      const color = traceColor(trace, i);
      const sample =
        trace.type === 'bar'
          ? element('rect', { x: x + 6, y: y - 6, width: 12, height: 12, fill: color })
          : scatterSample(trace, x, y, color);
      return sample + text(x + 30, y + 4.5, trace.name ?? '', { size: 13 });
    })
    .join('');
}

function scatterSample(trace: ScatterSpec, x: number, y: number, color: string): string {
  const { mode = 'lines' } = trace;
  const stroke = mode.includes('lines') ? line(x, y, x + 24, y, color, trace.line?.width ?? 2) : '';
  return stroke + (mode.includes('markers') ? marker({ x: x + 12, y }, trace.marker, color) : '');
}

/** Square cells in the middle of the space, ticks as the layout gives them, a colour bar at the right. */
function heatmapBody(heatmap: HeatmapSpec, layout: LayoutSpec, width: number, height: number): string {
  const { xaxis = {}, yaxis = {} } = layout;
  const space = boxOf(layout, width, height, 70, 84);
  const [rows, columns] = [heatmap.z.length, Math.max(...heatmap.z.map((row) => row.length))];
  const cell = Math.min((space.right - space.left) / columns, (space.bottom - space.top) / rows);
  const left = (space.left + space.right - cell * columns) / 2;
  const top = (space.top + space.bottom - cell * rows) / 2;
  const box = { left, right: left + cell * columns, top, bottom: top + cell * rows };
  const upwards = yaxis.autorange !== 'reversed';

  const values = heatmap.z.flat().filter((value) => value !== null);
  const { zmin = values.reduce((a, b) => Math.min(a, b), Infinity), zmax = values.reduce((a, b) => Math.max(a, b), -Infinity) } = heatmap;
  const place = (i: number): number => (i + 0.5) * cell;
  const xTicks = givenTicks(xaxis, (i) => box.left + place(i), Math.floor((box.right - box.left) / 30));
  const yTicks = givenTicks(yaxis, (i) => (upwards ? box.bottom - place(i) : box.top + place(i)), rows);
  const title = heatmap.colorbar?.title?.text ?? '';
  return [
    heatmapMarks(heatmap, [zmin, zmax], { x: box.left, y: box.top }, cell, upwards),
    tickLabels(xTicks, yTicks, box),
    text((box.left + box.right) / 2, box.bottom + 42, axisTitle(xaxis), { anchor: 'middle' }),
    text(Math.max(20, box.left - 40), (box.top + box.bottom) / 2, axisTitle(yaxis), { anchor: 'middle', turn: -90 }),
    colorBar([zmin, zmax], title, { ...space, left: width - 84, top: box.top, bottom: box.bottom }),
  ].join('');
}

/** The ticks of a layout with texts of its own, thinned out to at most `most`. */
function givenTicks({ tickvals = [], ticktext = [] }: AxisSpec, place: (i: number) => number, most: number): Tick[] {
  const every = Math.ceil(tickvals.length / Math.max(1, most));
  return tickvals
    .map((value, i) => ({ at: place(value), text: ticktext[i] ?? String(value) }))
    .filter((_, i) => i % every === 0);
}

function colorBar([low, high]: readonly [number, number], title: string, { left, top, bottom }: Box): string {
  const stops = Array.from({ length: 9 }, (_, i) =>
    element('stop', { offset: i / 8, 'stop-color': viridis(i / 8) }),
  );
  const gradient = element('linearGradient', { id: 'colors', x1: 0, x2: 0, y1: 1, y2: 0 }, ...stops);
  const scale = scaleOf({ range: [low, high] }, { values: [low, high] }, bottom, top, Math.max(2, (bottom - top) / 40));
  return [
    element('defs', {}, gradient),
    element('rect', { x: left, y: top, width: 14, height: bottom - top, fill: 'url(#colors)' }),
    ...scale.ticks.map((tick) => text(left + 19, tick.at + 4.5, tick.text, { size: 12 })),
    text(left + 70, (top + bottom) / 2, title, { anchor: 'middle', turn: -90 }),
  ].join('');
}

