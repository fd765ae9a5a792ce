/**
 * The names under a category axis, laid out so that none runs into its neighbour: on one line where they fit,
 * else wrapped, else turned, and only where even turned ones would touch are some left out.
 */
import type { Tick } from './scale.js';
import { text, textWidth, wrapText } from './svg.js';

export interface LabelPlan {
  /** Every how many categories a name is shown. */
  readonly every: number;
  /** Pixels that the names need below what one line takes. */
  readonly extraHeight: number;
  /** The SVG of a tick's name under an axis at `bottom`. */
  readonly draw: (tick: Tick, bottom: number) => string;
  /** How far a name reaches to the left of its tick. */
  readonly reach: (name: string) => number;
}

const size = 13;
const lineHeight = 16;
const mostLines = 3;
const angle = 40;
const radians = (angle * Math.PI) / 180;
/** The longest turned name, in pixels; a longer one is cut and ends in «…». */
const longest = 230;

/** The plan for `names`, `step` pixels apart. */
export function planLabels(names: readonly string[], step: number): LabelPlan {
  const space = step - 10;
  const wrapped = names.map((name) => wrapText(name, space, size));
  const lines = Math.max(1, ...wrapped.map(({ length }) => length));
  const fits = wrapped.flat().every((part) => textWidth(part, size) <= space);
  return fits && lines <= mostLines ? levelPlan(space, lines) : turnedPlan(names, step);
}

function levelPlan(space: number, lines: number): LabelPlan {
  return {
    every: 1,
    extraHeight: (lines - 1) * lineHeight,
    draw: ({ at, text: name }, bottom) =>
      wrapText(name, space, size)
        .map((part, i) => text(at, bottom + 19 + i * lineHeight, part, { size, anchor: 'middle' }))
        .join(''),
    reach: (name) => Math.min(space, textWidth(name, size)) / 2,
  };
}

function turnedPlan(names: readonly string[], step: number): LabelPlan {
  const length = (name: string): number => Math.min(longest, textWidth(name, size));
  const widest = Math.max(0, ...names.map(length));
  return {
    every: Math.max(1, Math.ceil(lineHeight / (step * Math.sin(radians)))),
    extraHeight: Math.max(0, widest * Math.sin(radians) - 8),
    draw: ({ at, text: name }, bottom) =>
      text(at + 4, bottom + 16, cut(name), { size, anchor: 'end', turn: -angle }),
    reach: (name) => length(name) * Math.cos(radians),
  };
}

function cut(name: string): string {
  if (textWidth(name, size) <= longest) return name;
  const letters = [...name];
  while (textWidth(`${letters.join('')}…`, size) > longest) letters.pop();
  return `${letters.join('').trimEnd()}…`;
}
