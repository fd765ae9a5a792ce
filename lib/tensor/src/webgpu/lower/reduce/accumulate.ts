/**
 * The running values of a thread: how they begin, what a term does to them, and what becomes of them. Where
 * mean and variance are wanted, one of the values, the pivot, is taken from all others, see `reductions.ts`;
 * it is set before the first term.
 */
import type { ValueId } from '../../../ops/index.js';
import { compared } from '../../extremes.js';
import { emitBraced, type Scene } from '../dispatch.js';
import type { Emitter } from '../emitter.js';
import { type Known, type Place, placeAt } from '../place.js';
import { resultsOf, termsOf, typeOfAccumulator } from '../reductions.js';
import type { Lanes } from '../wgsl.js';
import { shareOf, type Task } from './task.js';

/** A variable for each running value. */
export function startAccumulators(e: Emitter, { all }: Task, lanes: Lanes): string[] {
  return all.map((accumulator) =>
    e.variable(typeOfAccumulator(accumulator, lanes), accumulator.start(lanes)),
  );
}

/** Sets the pivots to the element at `position`, of as many lanes as `own`, in a walk of `lanes`. */
export function setPivots(
  e: Emitter,
  task: Task,
  variables: readonly string[],
  lanes: Lanes,
  position: string,
  known?: Known,
  own: Lanes = lanes,
): void {
  setPivotsAt(e, task, variables, lanes, (shape) => placeAt(shape, e.name(position), own, e.name, known));
}

/** What values are taken relative to: one of them. */
export function setPivotsAt(
  e: Emitter,
  task: Task,
  variables: readonly string[],
  lanes: Lanes,
  placeIn: (shape: readonly number[]) => Place,
): void {
  task.running.forEach(({ reduction }, i) => {
    if (reduction.variance === undefined) return;
    const [pivot] = shareOf(task, variables)[i]!;
    const { shape } = e.values.type(reduction.input!);
    e.line(`${pivot} = ${e.readWide(reduction.input!, placeIn(shape), lanes)};`);
  });
}

/**
 * Adds the element at the place; `step` is its number along the axis that is reduced, for those who ask which
 * it was.
 */
export function addTerms(
  e: Emitter,
  task: Task,
  variables: readonly string[],
  placeIn: (shape: readonly number[]) => Place,
  lanes: Lanes,
  step = '',
): void {
  const shares = shareOf(task, variables);
  task.running.forEach(({ reduction, accumulators }, i) => {
    const { shape, dtype } = e.values.type(reduction.input!);
    const x = e.name(e.readWide(reduction.input!, placeIn(shape), lanes));
    const own = shares[i]!;
    const { operation } = reduction;
    if (operation === 'ArgMax' || operation === 'ArgMin') {
      const value = termsOf({ ...reduction, operation: 'Sum' }, accumulators, x, dtype, own, lanes)[0]!;
      const better = compared(value, operation === 'ArgMax' ? '>' : '<', own[0]!, accumulators[0]!.dtype, 1);
      emitBraced(e, `if (${step} == 0u || ${better})`, () => {
        e.line(`${own[0]} = ${value};`);
        e.line(`${own[1]} = i32(${step});`);
      });
      return;
    }
    const terms = termsOf(reduction, accumulators, x, dtype, own, lanes);
    accumulators.forEach((accumulator, j) => {
      if (!accumulator.shared) e.line(`${own[j]} = ${accumulator.combine(own[j]!, terms[j]!, lanes)};`);
    });
  });
}

/** Writes the results, and computes what follows from them element by element. */
export function finish(
  e: Emitter,
  { values, storage }: Scene,
  task: Task,
  variables: readonly string[],
  lanes: Lanes,
  position: string,
  known?: Known,
): void {
  const shares = shareOf(task, variables);
  const place = (id: ValueId): Place => placeAt(values.type(id).shape, position, lanes, e.name, known);
  const put = (id: ValueId, expression: string): void => {
    const text = e.name(expression);
    e.know(id, place(id), text);
    if (storage.isNeeded(id)) e.write(id, place(id), text);
  };
  task.running.forEach(({ reduction, accumulators }, i) => {
    for (const { id, text } of resultsOf(values, reduction, accumulators, shares[i]!, lanes)) put(id, text);
  });
  for (const id of task.after) put(id, e.compute(id, place(id)));
}
