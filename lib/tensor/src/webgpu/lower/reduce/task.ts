/**
 * What the dispatches of a group compute: reductions over the same elements, each with its running values,
 * and the expressions of their results. A dispatch has one variable for each running value of each reduction,
 * in one list.
 */
import type { ValueId } from '../../../ops/index.js';
import type { Scene } from '../dispatch.js';
import { type Accumulator, accumulatorsOf, type Reduction } from '../reductions.js';
import type { Group } from '../schedule/index.js';

export type ReduceGroup = Extract<Group, { kind: 'reduce' }>;

/** A reduction and its running values. */
interface Running {
  readonly reduction: Reduction;
  readonly accumulators: readonly Accumulator[];
}

export interface Task {
  readonly running: readonly Running[];
  /** Those of all reductions. */
  readonly all: readonly Accumulator[];
  /** Expressions of the results, element by element. */
  readonly after: readonly ValueId[];
  readonly label: string;
}

export function taskOf({ values }: Scene, { reductions, after, space }: ReduceGroup): Task {
  const running = reductions.map((reduction) => ({
    reduction,
    accumulators: accumulatorsOf(values, reduction),
  }));
  const names = reductions.map(({ operation, variance }) => (variance === undefined ? operation : 'Moments'));
  const input = reductions[0]!.input ?? reductions[0]!.index!;
  const label = `${space.kind} ${names.join('+')} ${values.type(input).shape.join('×')}`;
  return { running, all: running.flatMap(({ accumulators }) => accumulators), after, label };
}

/** Of a list of variables, those of each reduction. */
export function shareOf(task: Task, variables: readonly string[]): readonly (readonly string[])[] {
  let from = 0;
  return task.running.map(({ accumulators }) => variables.slice(from, (from += accumulators.length)));
}
