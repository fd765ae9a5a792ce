/**
 * Kernels on a few numbers, of which there are many (the updates of centroids and of scales), take turns in
 * one workgroup. What they compute only for the result of the step comes last, when most of them can go
 * together.
 */
import type { ValueId } from '../../../ops/index.js';
import type { SmallStep } from './group.js';
import type { Pending, Step } from './pending.js';

const mostSteps = 48;

/** Two or more small steps, of which one is free. */
export function smallTogether(pending: Pending, free: readonly ValueId[]): readonly Step[] {
  const chosen = chooseSmall(pending, free.filter(pending.isSmallStep));
  if (chosen.length < 2) return [];
  const levels: SmallStep[][] = [];
  for (const { id, level } of chosen) (levels[level] ??= []).push(smallStep(pending, id));
  return [
    {
      group: { kind: 'small', levels },
      done: chosen.map(({ id }) => id),
      made: chosen.flatMap(({ id }) => pending.madeWith(id)),
    },
  ];
}

function smallStep({ reduction, way, node }: Pending, id: ValueId): SmallStep {
  const found = reduction(id);
  if (found) return { kind: 'reduce', reduction: found };
  if (way(id) === 'map') return { kind: 'map', id };
  const made = node(id);
  if (made.kernel === 'TopK' || made.kernel === 'Cumsum') return { kind: 'kernel', node: made };
  throw new Error(`${made.kernel} is no small step`);
}

/** What can run in one workgroup, from the seeds on, with the number of barriers that come before. */
function chooseSmall(pending: Pending, seeds: readonly ValueId[]): { id: ValueId; level: number }[] {
  const { isLast, isSmallStep, isThere, limits, madeWith, needs, waiting, writtenBuffers } = pending;
  if (seeds.length === 0) return [];
  const late = seeds.every(isLast);
  const chosen: { id: ValueId; level: number }[] = [];
  const levelOf = new Map<ValueId, number>();
  const outside = new Set<ValueId>();
  // In the order of the graph: what a step reads comes before it.
  for (const id of waiting) {
    if (!isSmallStep(id) || (isLast(id) && !late)) continue;
    const reads = needs(id);
    if (chosen.length >= mostSteps || !reads.every((need) => isThere(need) || levelOf.has(need))) continue;
    const added = new Set(reads.filter((need) => !levelOf.has(need) && !outside.has(need)));
    const made = [...levelOf.keys(), ...madeWith(id)];
    if (outside.size + added.size + writtenBuffers(made) > limits.buffers) continue;
    added.forEach((each) => outside.add(each));
    const level = Math.max(-1, ...reads.map((need) => levelOf.get(need) ?? -1)) + 1;
    madeWith(id).forEach((each) => levelOf.set(each, level));
    chosen.push({ id, level });
  }
  return chosen;
}
