/**
 * Sums in parts. A walk whose results are few is cut into parts, so that enough workgroups have something to
 * do: the first dispatch leaves a partial sum for each part, the second walks over the partial sums as the
 * first does over the terms. Partial sums lie as the results do, with the part as an axis; those of the
 * running values lie one after another.
 */
import type { GpuDispatch, GpuProgram } from '../../program.js';
import type { Emitter } from '../emitter.js';
import type { Accumulator } from '../reductions.js';
import { resultSize } from '../space.js';
import { expressionType, type Lanes } from '../wgsl.js';
import type { Task } from './task.js';

/** Workgroups that fill a large GPU several times over. */
export const enoughGroups = 1024;
/** Partial sums of one result: the second dispatch is to stay small. */
export const mostParts = 256;
/** Elements that each thread should add up by itself. */
export const perThread = 8;

/** Where a dispatch takes its terms from, and where its sums go. */
export type Source =
  | { readonly kind: 'inputs'; readonly parts: number; readonly partials?: string }
  | { readonly kind: 'partials'; readonly partials: string; readonly length: number };

/** The one dispatch, or the two of a walk in `parts`; `name` is for the buffer of partial sums. */
export function inParts(
  task: Task,
  parts: number,
  name: string,
  dispatch: (source: Source) => GpuDispatch,
): GpuProgram {
  if (parts === 1) return { dispatches: [dispatch({ kind: 'inputs', parts })], scratch: {} };
  const { reduction } = task.running[0]!;
  return {
    dispatches: [
      dispatch({ kind: 'inputs', parts, partials: name }),
      dispatch({ kind: 'partials', partials: name, length: parts }),
    ],
    scratch: { [name]: partialBytes(task, resultSize(reduction.space) * parts) },
  };
}

/** What a buffer of `count` partial sums of each running value takes, in bytes. */
export function partialBytes({ all }: Task, count: number): number {
  return Math.ceil((all.length * count * 4) / 16) * 16;
}

/** The label of the dispatch that takes its terms from `source`. */
export const labelFor = ({ label }: Task, { kind }: Source): string =>
  kind === 'inputs' ? label : `${label}, second pass`;

/** The largest power of two up to `n`, and at least 1: a tree of threads needs one. */
export const powerBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)));

function partialOf(
  e: Emitter,
  { dtype }: Accumulator,
  partials: string,
  lanes: Lanes,
  access: 'read' | 'read_write',
): string {
  return e.bind(partials, expressionType(dtype, lanes), access);
}

export function addPartials(
  e: Emitter,
  { all }: Task,
  variables: readonly string[],
  partials: string,
  lanes: Lanes,
  at: (i: number) => string,
): void {
  all.forEach((accumulator, i) => {
    const partial = `${partialOf(e, accumulator, partials, lanes, 'read')}[${at(i)}]`;
    // All parts have the same pivot.
    e.line(
      `${variables[i]} = ${accumulator.shared ? partial : accumulator.combine(variables[i]!, partial, lanes)};`,
    );
  });
}

export function writePartials(
  e: Emitter,
  { all }: Task,
  variables: readonly string[],
  partials: string,
  lanes: Lanes,
  at: (i: number) => string,
): void {
  all.forEach((accumulator, i) => {
    e.line(`${partialOf(e, accumulator, partials, lanes, 'read_write')}[${at(i)}] = ${variables[i]};`);
  });
}
