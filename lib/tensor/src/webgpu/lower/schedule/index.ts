/**
 * Which kernels share a dispatch, and in which order the dispatches run. As long as values wait (pending.ts),
 * the first rule that applies to the ones that can be computed now makes the next groups:
 *
 * 1. large kernels that are no expressions, each by itself (kernels.ts);
 * 2. small kernels, taking turns in one workgroup, unless a large reduction is free (small.ts);
 * 3. a small kernel that found no company (kernels.ts);
 * 4. reductions over the same elements, with the expressions of their results (reductions.ts);
 * 5. expressions of the same size that read the same (maps.ts).
 */
import type { ValueId } from '../../../ops/index.js';
import type { Leaves } from '../leaves.js';
import type { Reduction } from '../reductions.js';
import type { Values } from '../values.js';
import type { Group, Limits } from './group.js';
import { largeKernels, smallKernel } from './kernels.js';
import { expressionsTogether } from './maps.js';
import { createPending, type Pending, type Step } from './pending.js';
import { hasLargeReduction, reductionsTogether } from './reductions.js';
import { smallTogether } from './small.js';

export { type Group, inputsOf, isSmall, printGroups, resultsOf, type SmallStep } from './group.js';

/** The next groups, of values that are free to be computed; none if the rule does not apply. */
export type Rule = (pending: Pending, free: readonly ValueId[]) => readonly Step[];

const unlessReducing =
  (rule: Rule): Rule =>
  (pending, free) =>
    hasLargeReduction(pending, free) ? [] : rule(pending, free);

const rules: readonly Rule[] = [
  largeKernels,
  unlessReducing(smallTogether),
  unlessReducing(smallKernel),
  reductionsTogether,
  expressionsTogether,
];

/**
 * @param results values that the step returns
 * @param limits what one dispatch can bind and keep
 */
export function schedule(
  values: Values,
  leaves: Leaves,
  reductions: readonly Reduction[],
  results: ReadonlySet<ValueId>,
  limits: Limits,
): Group[] {
  const pending = createPending(values, leaves, reductions, results, limits);
  const groups: Group[] = [];
  while (pending.waiting.length > 0) {
    const steps = nextSteps(pending);
    if (steps.length === 0) throw new Error('the graph has a circle');
    steps.forEach(pending.finish);
    groups.push(...steps.map(({ group }) => group));
  }
  return groups;
}

function nextSteps(pending: Pending): readonly Step[] {
  const all = pending.waiting.filter((id) => pending.canRun(id));
  const urgent = all.filter((id) => !pending.isLast(id));
  const free = urgent.length > 0 ? urgent : all;
  for (const rule of rules) {
    const steps = rule(pending, free);
    if (steps.length > 0) return steps;
  }
  return [];
}
