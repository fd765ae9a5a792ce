/**
 * Reductions over the same axes of tensors of the same shape go together, with the expressions of their
 * results.
 */
import type { ValueId } from '../../../ops/index.js';
import type { Reduction } from '../reductions.js';
import { resultSize } from '../space.js';
import type { Values } from '../values.js';
import { resultsOf } from './group.js';
import type { Pending, Step } from './pending.js';

/** The first large reduction that is free, or else the first small one, with all that can go with it. */
export function reductionsTogether(pending: Pending, free: readonly ValueId[]): readonly Step[] {
  const reductions = free.filter((id) => pending.way(id) === 'reduce');
  const seed = reductions.find((id) => !pending.isSmallStep(id)) ?? reductions[0];
  if (seed === undefined) return [];
  const chosen = chooseReductions(pending, seed, reductions);
  const after = chooseAfter(pending, chosen);
  return [
    {
      group: { kind: 'reduce', space: chosen[0]!.space, reductions: chosen, after },
      done: [...chosen.map(({ output }) => output), ...after],
      made: [...chosen.flatMap(resultsOf), ...after],
    },
  ];
}

/** Whether a large reduction is free, which goes before small steps. */
export function hasLargeReduction(pending: Pending, free: readonly ValueId[]): boolean {
  return free.some((id) => pending.way(id) === 'reduce' && !pending.isSmallStep(id));
}

function chooseReductions(
  { limits, readBuffers, reduction, values }: Pending,
  seed: ValueId,
  candidates: readonly ValueId[],
): Reduction[] {
  const start = reduction(seed)!;
  const chosen = [start];
  let running = runningValues(start);
  for (const id of candidates) {
    const next = reduction(id)!;
    if (next === start || !goTogether(values, start, next)) continue;
    const read = readBuffers([...chosen.map(({ output }) => output), id]) + 1;
    if (read > limits.buffers || running + runningValues(next) > limits.accumulators) continue;
    chosen.push(next);
    running += runningValues(next);
  }
  return chosen;
}

function runningValues({ variance }: Reduction): number {
  return variance === undefined ? 1 : 2;
}

function goTogether(values: Values, a: Reduction, b: Reduction): boolean {
  if (JSON.stringify(a.space) !== JSON.stringify(b.space)) return false;
  if (a.index !== undefined && values.base(a.index) !== values.base(b.index!)) return false;
  const types = [a, b].map(({ output }) => values.type(output).dtype === 'float32');
  return types[0] === types[1] && isOrdered(a) === isOrdered(b);
}

const isOrdered = ({ operation }: Reduction): boolean => operation === 'ArgMax' || operation === 'ArgMin';

/** Expressions of the results, element by element, which the threads that make the results compute too. */
function chooseAfter(pending: Pending, chosen: readonly Reduction[]): ValueId[] {
  const { canRun, isLast, leaves, limits, readsInPlace, values, waiting, way, writtenBuffers } = pending;
  const size = resultSize(chosen[0]!.space);
  const made = chosen.flatMap(resultsOf);
  const inside = new Set(made);
  const after: ValueId[] = [];
  // In the order of the graph, so that what depends on the ones before comes after them; first what others
  // wait for.
  for (const id of [...waiting.filter((each) => !isLast(each)), ...waiting.filter(isLast)]) {
    if (way(id) !== 'map' || values.size(id) !== size || inside.has(id)) continue;
    const reads = [...leaves.of(id).keys()];
    if (!reads.some((leaf) => inside.has(leaf)) || !canRun(id, inside) || !readsInPlace(id, inside)) continue;
    const outside = new Set([...after, id].flatMap((each) => [...leaves.of(each).keys()]));
    [...made, ...after].forEach((each) => outside.delete(each));
    if (outside.size + writtenBuffers([...made, ...after, id]) + 1 > limits.buffers) continue;
    after.push(id);
    inside.add(id);
  }
  return after;
}
