/**
 * Axes: from values to places along a line, with the values that get a tick. The scales are d3's; the range
 * of an axis, and the ticks of a logarithmic one (decades, and 1, 2, 5 where there are few), are as Plotly
 * has them.
 */
import { scaleLinear, scaleLog, scalePoint } from 'd3-scale';
import type { AxisSpec } from './spec.js';

export interface Tick {
  readonly at: number;
  readonly text: string;
}

export interface Scale {
  /** The place of a value, in pixels; undefined where the axis has none, such as 0 on a log axis. */
  readonly place: (value: number | string) => number | undefined;
  readonly ticks: readonly Tick[];
  /** Pixels between two neighbouring categories. */
  readonly step: number;
}

/** What an axis has to show. */
export interface Extent {
  readonly values: readonly (number | string)[];
  /** Whether bars are drawn, which begin at zero and need half a category at both ends. */
  readonly bars?: boolean;
}

/** The kind of an axis: as the layout says, else categories where there are texts. */
export function axisKind({ type }: AxisSpec, { values }: Extent): 'linear' | 'log' | 'category' {
  return type ?? (values.some((value) => typeof value === 'string') ? 'category' : 'linear');
}

/**
 * The scale of an axis drawn from pixel `from` to pixel `to`; `count` is about how many ticks it should have.
 */
export function scaleOf(spec: AxisSpec, extent: Extent, from: number, to: number, count: number): Scale {
  switch (axisKind(spec, extent)) {
    case 'category':
      return categoryScale(extent, from, to, count);
    case 'log':
      return logScale(spec, extent, from, to, count);
    case 'linear':
      return linearScale(spec, extent, from, to, count);
  }
}

/** The categories of an axis in their order. */
export const categoriesOf = ({ values }: Extent): string[] => [...new Set(values.map(String))];

/** Categories left free at each end: bars need half of one. */
const endMargin = ({ bars }: Extent): number => (bars ? 0.5 : 0.3);

/** Pixels between two neighbouring categories of an axis of `length` pixels. */
export const categoryStep = (extent: Extent, length: number): number =>
  length / Math.max(1, categoriesOf(extent).length - 1 + 2 * endMargin(extent));

function categoryScale(extent: Extent, from: number, to: number, count: number): Scale {
  const names = categoriesOf(extent);
  const scale = scalePoint(names, [from, to]).padding(endMargin(extent));
  const every = Math.max(1, Math.ceil(names.length / Math.max(1, count)));
  const ticks = names.filter((_, i) => i % every === 0).map((text) => ({ at: scale(text)!, text }));
  return { place: (value) => scale(String(value)), ticks, step: Math.abs(categoryStep(extent, to - from)) };
}

function linearScale(
  spec: AxisSpec,
  { values, bars }: Extent,
  from: number,
  to: number,
  count: number,
): Scale {
  const numbers = values.map(Number).filter(Number.isFinite);
  const scale = scaleLinear(spec.range ?? padded(numbers, bars ?? false), [from, to]);
  const format = scale.tickFormat(count, 'f');
  const ticks = scale.ticks(count).map((value) => ({ at: scale(value), text: format(value) }));
  return {
    place: (value) => scale(Number(value)),
    ticks,
    step: Math.abs(to - from) / Math.max(1, numbers.length),
  };
}

function logScale(spec: AxisSpec, { values }: Extent, from: number, to: number, count: number): Scale {
  const logs = values.map((value) => Math.log10(Number(value))).filter(Number.isFinite);
  const [low, high] = spec.range ?? padded(logs, false);
  const scale = scaleLog([10 ** low, 10 ** high], [from, to]);
  const decades = Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => Math.ceil(low) + i);
  const every = Math.ceil(decades.length / Math.max(1, count));
  const steps = high - low < 2 ? [1, 2, 5] : [1];
  const ticks = [Math.ceil(low) - 1, ...decades]
    .filter((decade) => decade % every === 0)
    .flatMap((decade) => steps.map((factor) => factor * 10 ** decade))
    .filter((value) => Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9)
    .map((value) => ({ at: scale(value), text: shortNumber(value) }));
  const own = spec.tickvals?.map((value, i) => ({
    at: scale(value),
    text: spec.ticktext?.[i] ?? shortNumber(value),
  }));
  const place = (value: number | string): number | undefined => {
    const number = Number(value);
    return number > 0 && number < Infinity ? scale(number) : undefined;
  };
  return { place, ticks: own ?? ticks, step: Math.abs(to - from) / Math.max(1, logs.length) };
}

/**
 * The range of `values` with a twentieth of it added on both sides, but nothing below the zero that bars
 * stand on.
 */
function padded(values: readonly number[], bars: boolean): [number, number] {
  const all = bars ? [0, ...values] : values;
  const low = all.reduce((least, value) => Math.min(least, value), Infinity);
  const high = all.reduce((most, value) => Math.max(most, value), -Infinity);
  if (low > high) return [0, 1];
  const pad = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  return [bars && low === 0 ? 0 : low - pad, bars && high === 0 ? 0 : high + pad];
}

/** 0.01, 1, 1000, 10k, 1M, as Plotly writes the ticks of a log axis. */
function shortNumber(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
