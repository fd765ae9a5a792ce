/** What surrounds the marks: the box, its grid, tick labels and axis titles. */
import type { LabelPlan } from './labels.js';
import type { Scale, Tick } from './scale.js';
import { type AxisSpec, type LayoutSpec, plainLines } from './spec.js';
import { line, text } from './svg.js';

/** The rectangle between the axes. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export const axisColor = '#444444';
const gridColor = '#e6e6e6';

/**
 * The box that the margins leave, with `left` for labels and title of the y axis and `right` for the legend.
 */
export function boxOf(
  { margin }: LayoutSpec,
  width: number,
  height: number,
  left: number,
  right: number,
): Box {
  const { r, t, b } = margin ?? { r: 24, t: 84, b: 64 };
  return { left, right: width - r - right, top: t, bottom: height - b };
}

export function grid(x: Scale, y: Scale, box: Box): string {
  return [
    ...x.ticks.map(({ at }) => line(at, box.top, at, box.bottom, gridColor)),
    ...y.ticks.map(({ at }) => line(box.left, at, box.right, at, gridColor)),
  ].join('');
}

/** Axis lines, tick labels and axis titles; `labels` says how the names of categories are laid out. */
export function axes(
  xTicks: readonly Tick[],
  yTicks: readonly Tick[],
  xaxis: AxisSpec,
  yaxis: AxisSpec,
  box: Box,
  labels?: LabelPlan,
): string {
  const middle = (box.top + box.bottom) / 2;
  return [
    line(box.left, box.bottom, box.right, box.bottom, axisColor),
    line(box.left, box.top, box.left, box.bottom, axisColor),
    tickLabels(xTicks, yTicks, box, labels),
    text((box.left + box.right) / 2, box.bottom + 44 + (labels?.extraHeight ?? 0), axisTitle(xaxis), {
      anchor: 'middle',
    }),
    text(20, middle, axisTitle(yaxis), { anchor: 'middle', turn: -90 }),
  ].join('');
}

export function tickLabels(
  xTicks: readonly Tick[],
  yTicks: readonly Tick[],
  { left, bottom }: Box,
  labels?: LabelPlan,
): string {
  const level = (tick: Tick): string => text(tick.at, bottom + 19, tick.text, { size: 13, anchor: 'middle' });
  return [
    ...xTicks.map((tick) => (labels ? labels.draw(tick, bottom) : level(tick))),
    ...yTicks.map((tick) => text(left - 7, tick.at + 4.5, tick.text, { size: 13, anchor: 'end' })),
  ].join('');
}

export const axisTitle = ({ title }: AxisSpec): string => plainLines(title?.text ?? '').join(' ');
