/** Scatter and bar traces over two axes, with a legend at the right. */
import { axes, axisColor, type Box, boxOf, grid } from './axes.js';
import { type LabelPlan, planLabels } from './labels.js';
import { barMarks, dashes, marker, scatterMarks, traceColor } from './marks.js';
import { axisKind, categoriesOf, categoryStep, type Extent, type Scale, scaleOf } from './scale.js';
import type { BarSpec, LayoutSpec, ScatterSpec } from './spec.js';
import { element, hundredths, line, text, textWidth, wrapText } from './svg.js';

type Cartesian = ScatterSpec | BarSpec;

export function cartesianBody(
  traces: readonly Cartesian[],
  layout: LayoutSpec,
  width: number,
  height: number,
): string {
  const { xaxis = {}, yaxis = {}, barmode = 'group' } = layout;
  const bars = traces.filter((trace) => trace.type === 'bar');
  const xExtent: Extent = { values: traces.flatMap(xValues), bars: bars.length > 0 };
  const yExtent: Extent = { values: yValues(traces, bars, barmode), bars: bars.length > 0 };

  const hasLegend = layout.showlegend ?? traces.length > 1;
  const names = hasLegend ? traces.map(({ name = '' }) => wrapText(name, legendText, 13)) : [];
  const legendWidth = Math.max(0, ...names.flat().map((name) => 52 + textWidth(name, 13)));
  const outer = boxOf(layout, width, height, 0, 0);
  const [hasNames, goesDown] = [axisKind(yaxis, yExtent) === 'category', yaxis.autorange === 'reversed'];
  const yTicks = (top: number, bottom: number): Scale => {
    const [from, to] = goesDown ? [top, bottom] : [bottom, top];
    return scaleOf(yaxis, yExtent, from, to, hasNames ? Infinity : 9);
  };
  const numbers = yTicks(outer.top, outer.bottom).ticks.map((tick) => textWidth(tick.text, 13));
  const space = boxOf(layout, width, height, 44 + Math.max(0, ...numbers), legendWidth);
  const categories = axisKind(xaxis, xExtent) === 'category' ? categoriesOf(xExtent) : undefined;
  const labels = categories && planLabels(categories, categoryStep(xExtent, space.right - space.left));
  const box = labels ? withRoom(space, xExtent, labels) : space;
  const xTickCount = categories
    ? categories.length / (labels?.every ?? 1)
    : (box.right - box.left) / numberWidth;
  const scales = {
    x: scaleOf(xaxis, xExtent, box.left, box.right, xTickCount),
    y: yTicks(box.top, box.bottom),
  };

  const zero = yaxis.zeroline ? scales.y.place(0) : undefined;
  return [
    grid(scales.x, scales.y, box),
    zero !== undefined && zero >= box.top && zero <= box.bottom
      ? line(box.left, zero, box.right, zero, axisColor)
      : '',
    clipped(
      box,
      barMarks(bars, barmode, scales),
      ...traces.map((trace, i) => (trace.type === 'scatter' ? scatterMarks(trace, i, scales) : '')),
    ),
    axes(scales.x.ticks, scales.y.ticks, xaxis, yaxis, box, labels),
    names.length > 0 ? legend(traces, names, box) : '',
  ].join('');
}

/** The width of a number under the x axis, with the space around it. */
const numberWidth = 64;
/** The widest line of a name in the legend. */
const legendText = 215;

/** The box, reduced by the space that the labels need below it and, for the first ones, at the left. */
function withRoom(space: Box, extent: Extent, labels: LabelPlan): Box {
  const { place } = scaleOf({ type: 'category' }, extent, space.left, space.right, Infinity);
  const beyond = categoriesOf(extent).map((name) => labels.reach(name) - place(name)! + 8);
  return {
    ...space,
    left: space.left + Math.max(0, ...beyond),
    bottom: Math.max(space.top + 80, space.bottom - labels.extraHeight),
  };
}

/** A value, and the ends of its error bar; nothing of a gap. */
function reach(value: number | string | null, error = 0): (number | string)[] {
  if (value === null) return [];
  return typeof value === 'string' ? [value] : [value, value + error, value - error];
}

/** What the x axis has to show: values, ends of error bars. */
const xValues = (trace: Cartesian): (number | string)[] =>
  trace.x.flatMap((value, i) => reach(value, trace.type === 'scatter' ? trace.error_x?.array[i] : 0));

/** What the y axis has to show: values, ends of error bars, tops of stacks. */
function yValues(
  traces: readonly Cartesian[],
  bars: readonly BarSpec[],
  mode: 'group' | 'relative',
): (number | string)[] {
  const shown = mode === 'relative' ? traces.filter((trace) => trace.type !== 'bar') : traces;
  const single = shown.flatMap(({ y, error_y }) => y.flatMap((value, i) => reach(value, error_y?.array[i])));
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

/** Marks may extend beyond the box by half a marker, but not into titles and legend. */
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

function legend(traces: readonly Cartesian[], names: readonly (readonly string[])[], box: Box): string {
  const x = box.right + 16;
  let y = box.top + 10;
  return traces
    .map((trace, i) => {
      const color = traceColor(trace, i);
      const sample =
        trace.type === 'bar'
          ? element('rect', { x: x + 6, y: y - 6, width: 12, height: 12, fill: color })
          : scatterSample(trace, x, y, color);
      const parts = names[i]!.map((name, j) => text(x + 30, y + 4.5 + 16 * j, name, { size: 13 }));
      y += 5 + 16 * parts.length;
      return sample + parts.join('');
    })
    .join('');
}

function scatterSample(trace: ScatterSpec, x: number, y: number, color: string): string {
  const { mode = 'lines' } = trace;
  const stroke = mode.includes('lines') ? lineSample(trace, x, y, color) : '';
  return stroke + (mode.includes('markers') ? marker({ x: x + 12, y }, trace.marker, color) : '');
}

function lineSample(
  { line: { width = 2, dash } = {} }: ScatterSpec,
  x: number,
  y: number,
  color: string,
): string {
  const d = `M${hundredths(x)} ${hundredths(y)}h24`;
  return element('path', {
    d,
    stroke: color,
    'stroke-width': width,
    'stroke-dasharray': dashes(dash, width),
  });
}
