/** A heat map: square cells in the middle of the space, and the scale of their colours. */
import { interpolateViridis } from 'd3-scale-chromatic';
import { axisTitle, type Box, boxOf, tickLabels } from './axes.js';
import { heatmapMarks } from './marks.js';
import { scaleOf, type Tick } from './scale.js';
import type { AxisSpec, HeatmapSpec, LayoutSpec } from './spec.js';
import { element, text } from './svg.js';

/** Square cells in the middle of the space, ticks as the layout gives them, a colour bar at the right. */
export function heatmapBody(heatmap: HeatmapSpec, layout: LayoutSpec, width: number, height: number): string {
  const { xaxis = {}, yaxis = {} } = layout;
  const space = boxOf(layout, width, height, 70, 84);
  const [rows, columns] = [heatmap.z.length, Math.max(...heatmap.z.map((row) => row.length))];
  const cell = Math.min((space.right - space.left) / columns, (space.bottom - space.top) / rows);
  const left = (space.left + space.right - cell * columns) / 2;
  const top = (space.top + space.bottom - cell * rows) / 2;
  const box = { left, right: left + cell * columns, top, bottom: top + cell * rows };
  const upwards = yaxis.autorange !== 'reversed';

  const values = heatmap.z.flat().filter((value) => value !== null);
  const {
    zmin = values.reduce((a, b) => Math.min(a, b), Infinity),
    zmax = values.reduce((a, b) => Math.max(a, b), -Infinity),
  } = heatmap;
  const place = (i: number): number => (i + 0.5) * cell;
  const xTicks = givenTicks(xaxis, (i) => box.left + place(i), Math.floor((box.right - box.left) / 30));
  const yTicks = givenTicks(yaxis, (i) => (upwards ? box.bottom - place(i) : box.top + place(i)), rows);
  const title = heatmap.colorbar?.title?.text ?? '';
  return [
    heatmapMarks(heatmap, [zmin, zmax], { x: box.left, y: box.top }, cell, upwards),
    tickLabels(xTicks, yTicks, box),
    text((box.left + box.right) / 2, box.bottom + 42, axisTitle(xaxis), { anchor: 'middle' }),
    text(Math.max(20, box.left - 40), (box.top + box.bottom) / 2, axisTitle(yaxis), {
      anchor: 'middle',
      turn: -90,
    }),
    colorBar([zmin, zmax], title, { ...space, left: width - 84, top: box.top, bottom: box.bottom }),
  ].join('');
}

/** The ticks of a layout that has its own texts, thinned out to at most `most`. */
function givenTicks(
  { tickvals = [], ticktext = [] }: AxisSpec,
  place: (i: number) => number,
  most: number,
): Tick[] {
  const every = Math.ceil(tickvals.length / Math.max(1, most));
  return tickvals
    .map((value, i) => ({ at: place(value), text: ticktext[i] ?? String(value) }))
    .filter((_, i) => i % every === 0);
}

function colorBar([low, high]: readonly [number, number], title: string, { left, top, bottom }: Box): string {
  const stops = Array.from({ length: 9 }, (_, i) =>
    element('stop', { offset: i / 8, 'stop-color': interpolateViridis(i / 8) }),
  );
  const gradient = element('linearGradient', { id: 'colors', x1: 0, x2: 0, y1: 1, y2: 0 }, ...stops);
  const scale = scaleOf(
    { range: [low, high] },
    { values: [low, high] },
    bottom,
    top,
    Math.max(2, (bottom - top) / 40),
  );
  return [
    element('defs', {}, gradient),
    element('rect', { x: left, y: top, width: 14, height: bottom - top, fill: 'url(#colors)' }),
    ...scale.ticks.map((tick) => text(left + 19, tick.at + 4.5, tick.text, { size: 12 })),
    text(left + 70, (top + bottom) / 2, title, { anchor: 'middle', turn: -90 }),
  ].join('');
}
