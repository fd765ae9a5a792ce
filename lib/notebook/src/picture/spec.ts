/** The part of Plotly's JSON that our figures use, as types for reading it. */
import type { Figure } from '../display/style.js';

export interface ScatterSpec {
  readonly type: 'scatter';
  readonly name?: string;
  readonly mode?: string;
  readonly x: readonly (number | string)[];
  readonly y: readonly (number | string | null)[];
  readonly line?: {
    readonly color?: string;
    readonly width?: number;
    readonly dash?: string;
    readonly shape?: string;
  };
  readonly marker?: { readonly color?: string; readonly size?: number; readonly symbol?: string };
  readonly error_x?: ErrorSpec;
  readonly error_y?: ErrorSpec;
}

export interface BarSpec {
  readonly type: 'bar';
  readonly name?: string;
  readonly x: readonly (number | string)[];
  readonly y: readonly number[];
  readonly marker?: { readonly color?: string };
  readonly error_y?: ErrorSpec;
}

export interface HeatmapSpec {
  readonly type: 'heatmap';
  readonly z: readonly (readonly (number | null)[])[];
  readonly zmin?: number;
  readonly zmax?: number;
  readonly colorbar?: { readonly title?: { readonly text?: string } };
}

export interface ErrorSpec {
  readonly array: readonly number[];
  readonly color?: string;
}

export type TraceSpec = ScatterSpec | BarSpec | HeatmapSpec;

export interface AxisSpec {
  readonly title?: { readonly text?: string };
  readonly type?: 'linear' | 'log' | 'category';
  readonly range?: readonly [number, number];
  readonly autorange?: 'reversed' | boolean;
  readonly tickvals?: readonly number[];
  readonly ticktext?: readonly string[];
  readonly showgrid?: boolean;
  readonly zeroline?: boolean;
}

export interface LayoutSpec {
  readonly title?: { readonly text?: string; readonly subtitle?: { readonly text?: string } };
  readonly width?: number;
  readonly height?: number;
  readonly margin?: { readonly l: number; readonly r: number; readonly t: number; readonly b: number };
  readonly barmode?: 'group' | 'relative';
  readonly showlegend?: boolean;
  readonly xaxis?: AxisSpec;
  readonly yaxis?: AxisSpec;
  readonly font?: { readonly family?: string };
}

const drawnTypes = ['scatter', 'bar', 'heatmap'];

/**
 * The traces of a figure that a still picture can show, and the types of those that it cannot. A reader's own
 * figure may lack what ours always have: x then counts from 0, and a title may be plain text.
 */
export function readFigure({ data, layout }: Figure): {
  traces: TraceSpec[];
  missing: string[];
  layout: LayoutSpec;
} {
  const typed = data.map((trace) => ({ type: 'scatter', ...trace }));
  const axes = [layout.xaxis, layout.yaxis].map((axis) => withTitle((axis ?? {}) as Record<string, unknown>));
  return {
    traces: typed
      .filter(({ type }) => drawnTypes.includes(type))
      .map((trace) => withPoints(trace) as unknown as TraceSpec),
    missing: typed.map(({ type }) => type).filter((type) => !drawnTypes.includes(type)),
    layout: { ...withTitle(layout), xaxis: axes[0], yaxis: axes[1] } as LayoutSpec,
  };
}

const withTitle = ({ title, ...rest }: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...rest,
  title: typeof title === 'string' ? { text: title } : title,
});

function withPoints({
  x,
  y,
  z,
  ...rest
}: {
  readonly [key: string]: unknown;
  readonly type: string;
}): Record<string, unknown> {
  const list = (values: unknown): unknown[] => Array.from((values ?? []) as ArrayLike<unknown>);
  if (rest.type === 'heatmap') return { ...rest, z: list(z).map(list) };
  return { ...rest, x: x === undefined ? list(y).map((_, i) => i) : list(x), y: list(y) };
}

/** The title of a figure, without its markup; «Figure» when it has none. */
export function figureTitle({ layout }: Figure): string {
  const { title } = withTitle(layout) as LayoutSpec;
  return plainLines(title?.text ?? 'Figure').join(' ');
}

/** Plotly's markup in a text: `<br>` starts a line, other tags are dropped. */
export const plainLines = (text: string): string[] =>
  text.split(/<br\s*\/?>/).map((line) => line.replace(/<\/?(b|i|em|sub|sup|span)\b[^>]*>/g, ''));
