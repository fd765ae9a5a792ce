/**
 * The ways to walk over a tensor that is reduced. Neighbouring axes that are both kept or both reduced are
 * one.
 *
 * - **columns** [outer, rows, columns] → [outer, columns]: the statistics of channels, the sums of biases;
 * - **rows** [rows, length] → [rows]: sums, minima and maxima of whole tensors, and of long rows;
 * - **each**: one thread for each result, for short rows and for axes that alternate;
 * - **bins**: a list of items, each counted into one of a few bins.
 */
import { type Shape, sizeOf } from '../../ops/index.js';

export type Space =
  | { readonly kind: 'columns'; readonly outer: number; readonly rows: number; readonly columns: number }
  | { readonly kind: 'rows'; readonly rows: number; readonly length: number }
  | { readonly kind: 'each'; readonly shape: Shape; readonly axes: readonly number[] }
  | { readonly kind: 'bins'; readonly items: number; readonly bins: number };

/** Rows up to this length are left to one thread each. */
const shortRow = 32;

export function reductionSpace(shape: Shape, axes: readonly number[], single = false): Space {
  const each: Space = { kind: 'each', shape, axes };
  if (single) return each;
  const runs: { size: number; reduced: boolean }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const reduced = axes.includes(axis);
    if (runs.at(-1)?.reduced === reduced) runs.at(-1)!.size *= size;
    else runs.push({ size, reduced });
  });
  const pattern = runs.map(({ reduced }) => (reduced ? 'r' : 'k')).join('');
  const [a, b, c] = runs.map(({ size }) => size) as [number, number, number];
  switch (pattern) {
    case 'r':
      return { kind: 'rows', rows: 1, length: a };
    case 'kr':
      return b <= shortRow ? each : { kind: 'rows', rows: a, length: b };
    case 'rk':
      return { kind: 'columns', outer: 1, rows: a, columns: b };
    case 'krk':
      return { kind: 'columns', outer: a, rows: b, columns: c };
    default:
      return each;
  }
}

export function resultSize(space: Space): number {
  switch (space.kind) {
    case 'columns':
      return space.outer * space.columns;
    case 'rows':
      return space.rows;
    case 'each':
      return sizeOf(space.shape.filter((_, axis) => !space.axes.includes(axis)));
    case 'bins':
      return space.bins;
    default:
      return space satisfies never;
  }
}
