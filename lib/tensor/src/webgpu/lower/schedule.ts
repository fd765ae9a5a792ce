/**
 * Which kernels share a dispatch, and in which order the dispatches run. Kernels that are no expressions run as soon as
 * what they read is there; then everything that walks over the same elements goes together:
 *
 * - reductions over the same axes of tensors of the same shape, with the small expressions of their results after them;
 * - expressions of the same size that read the same tensors, or each other.
 *
 * Kernels on a few numbers, of which there are many (the updates of centroids and of scales), take turns in one workgroup.
 * What they compute for the result of the step only, they compute at the end, when most of them can go together.
 */
import type { KernelNode, ValueId } from '../../trace/ir.js';
import type { Leaves } from './leaves.js';
import { isReduction, type Reduction } from './reductions.js';
import { resultSize, type Space } from './space.js';
import type { Values } from './values.js';

export type Group =
  | { readonly kind: 'map'; readonly outputs: readonly ValueId[] }
  | {
      readonly kind: 'reduce';
      readonly space: Space;
      readonly reductions: readonly Reduction[];
      /** Expressions of the results, element by element. */
      readonly after: readonly ValueId[];
    }
  | { readonly kind: 'kernel'; readonly node: KernelNode }
  /** Small kernels one after the other in one workgroup; those of a level do not read each other. */
  | { readonly kind: 'small'; readonly levels: readonly (readonly SmallStep[])[] };

export type SmallStep =
  | { readonly kind: 'map'; readonly id: ValueId }
  | { readonly kind: 'reduce'; readonly reduction: Reduction }
  | { readonly kind: 'kernel'; readonly node: KernelNode };

export interface Limits {
  readonly buffers: number;
  /** Running values of one dispatch. */
  readonly accumulators: number;
}

/** Expressions up to this size go together even if they read nothing in common. */
const smallMap = 1 << 14;

/** Results and terms of one that the threads of one workgroup compute in a moment. */
const [smallResults, smallTerms, mostSmallSteps] = [2048, 128, 48];

export function schedule(
  values: Values,
  leaves: Leaves,
  reductions: readonly Reduction[],
  results: ReadonlySet<ValueId>,
  limits: Limits,
): Group[] {
  const variances = new Set(reductions.flatMap(({ variance }) => (variance === undefined ? [] : [variance])));
  const reductionOf = new Map(reductions.map((reduction) => [reduction.output, reduction]));
  const ready = new Set<ValueId>();
  const waiting: ValueId[] = [];
  for (const node of values.graph.nodes) {
    for (const { id } of node.outputs) {
      if (values.base(id) !== id || variances.has(id)) continue;
      if (node.kind !== 'kernel') ready.add(id);
      else if (leaves.isStored(id) && (values.isExpression(id) || id === node.outputs[0]!.id))
        waiting.push(id);
    }
  }
  const node = (id: ValueId): KernelNode => values.node(id) as KernelNode;
  const kindOf = (id: ValueId): Group['kind'] => {
    if (values.isExpression(id)) return 'map';
    return isReduction(node(id).kernel) ? 'reduce' : 'kernel';
  };
  const needs = (id: ValueId): ValueId[] => {
    if (kindOf(id) === 'map') return [...leaves.of(id).keys()];
    const inputs = reductionOf.get(id) ? inputsOf(reductionOf.get(id)!) : node(id).inputs;
    return inputs.flatMap((input) => [...leaves.read(input).keys()]);
  };
  const isReady = (id: ValueId, also: ReadonlySet<ValueId> = ready): boolean =>
    needs(id).every((need) => ready.has(need) || also.has(need));
  const groups: Group[] = [];
  const finish = (group: Group, ids: readonly ValueId[], made: readonly ValueId[]): void => {
    groups.push(group);
    made.forEach((id) => ready.add(id));
    for (const id of ids) waiting.splice(waiting.indexOf(id), 1);
  };
  const distinct = (made: readonly ValueId[]): number => {
    const read = new Set(made.flatMap(needs).filter((id) => !made.includes(id)));
    return read.size;
  };
  /** Small values that are no results share a buffer of floats, or one of whole numbers. */
  const outputBuffers = (made: readonly ValueId[]): number => {
    const alone = made.filter((id) => results.has(id) || !isSmall(values, id));
    const shared = made.filter((id) => !alone.includes(id));
    return alone.length + new Set(shared.map((id) => values.type(id).dtype === 'float32')).size;
  };
  const aligned = (id: ValueId, inside: ReadonlySet<ValueId>): boolean =>
    [...leaves.of(id).values()].every((leaf) => !inside.has(leaf.id) || leaf.aligned);

  const isSmallStep = (id: ValueId): boolean => {
    const made = node(id);
    const { shape } = values.type(id);
    if (made.outputs.some((output) => values.size(output.id) > smallResults)) return false;
    if (kindOf(id) === 'map') return true;
    const reduction = reductionOf.get(id);
    if (reduction) return reduction.operation !== 'Bins' && reduction.count <= smallTerms;
    const length = made.kernel === 'Cumsum' ? Math.max(...shape) : values.type(made.inputs[0]!).shape.at(-1)!;
    return (made.kernel === 'Cumsum' || made.kernel === 'TopK') && length <= smallTerms;
  };
  const isLast = (id: ValueId): boolean => isSmallStep(id) && values.readers(id).length === 0;
  const madeBy = (id: ValueId): ValueId[] => {
    const reduction = reductionOf.get(id);
    if (kindOf(id) === 'map') return [id];
    if (reduction) return reduction.variance === undefined ? [id] : [id, reduction.variance];
    return node(id).outputs.map((output) => output.id);
  };

  while (waiting.length > 0) {
    const all = waiting.filter((id) => isReady(id));
    const urgent = all.filter((id) => !isLast(id));
    const free = urgent.length > 0 ? urgent : all;
    const kernels = free.filter((id) => kindOf(id) === 'kernel' && !isSmallStep(id));
    if (kernels.length > 0) {
      for (const id of kernels) finish({ kind: 'kernel', node: node(id) }, [id], madeBy(id));
      continue;
    }
    const large = free.find((id) => kindOf(id) === 'reduce' && !isSmallStep(id));
    const small = large === undefined ? chooseSmall(free.filter(isSmallStep)) : [];
    if (small.length > 1) {
      const levels: SmallStep[][] = [];
      for (const { id, level } of small) (levels[level] ??= []).push(smallStep(id));
      finish(
        { kind: 'small', levels },
        small.map(({ id }) => id),
        small.flatMap(({ id }) => madeBy(id)),
      );
      continue;
    }
    const [single] = free.filter(isSmallStep);
    if (large === undefined && single !== undefined && kindOf(single) === 'kernel') {
      finish({ kind: 'kernel', node: node(single) }, [single], madeBy(single));
      continue;
    }
    const first = large ?? free.find((id) => kindOf(id) === 'reduce') ?? free[0];
    if (first === undefined) throw new Error('the graph has a circle');
    if (kindOf(first) === 'reduce') {
      const chosen = chooseReductions(
        first,
        free.filter((id) => kindOf(id) === 'reduce'),
      );
      const after = chooseAfter(chosen);
      const made = chosen.flatMap(({ output, variance }) =>
        variance === undefined ? [output] : [output, variance],
      );
      finish(
        { kind: 'reduce', space: chosen[0]!.space, reductions: chosen, after },
        [...chosen.map(({ output }) => output), ...after],
        [...made, ...after],
      );
      continue;
    }
    const outputs = chooseMaps(first);
    finish({ kind: 'map', outputs }, outputs, outputs);
  }
  return groups;

  function smallStep(id: ValueId): SmallStep {
    const reduction = reductionOf.get(id);
    if (reduction) return { kind: 'reduce', reduction };
    return kindOf(id) === 'map' ? { kind: 'map', id } : { kind: 'kernel', node: node(id) };
  }

  /** What can run in one workgroup, from the seeds on, with the number of barriers that come before. */
  function chooseSmall(seeds: readonly ValueId[]): { id: ValueId; level: number }[] {
    const chosen: { id: ValueId; level: number }[] = [];
    const levelOf = new Map<ValueId, number>();
    const late = seeds.length > 0 && seeds.every(isLast);
    const candidates =
      seeds.length === 0 ? [] : waiting.filter((id) => isSmallStep(id) && (late || !isLast(id)));
    const outside = new Set<ValueId>();
    // In the order of the graph: what a step reads comes before it.
    for (const id of candidates) {
      const reads = needs(id);
      if (chosen.length >= mostSmallSteps || !reads.every((need) => ready.has(need) || levelOf.has(need)))
        continue;
      const added = reads.filter((need) => !levelOf.has(need) && !outside.has(need));
      const made = [...levelOf.keys(), ...madeBy(id)];
      if (outside.size + new Set(added).size + outputBuffers(made) > limits.buffers) continue;
      added.forEach((each) => outside.add(each));
      const level = Math.max(-1, ...reads.map((need) => levelOf.get(need) ?? -1)) + 1;
      madeBy(id).forEach((each) => levelOf.set(each, level));
      chosen.push({ id, level });
    }
    return chosen;
  }

  function chooseReductions(seed: ValueId, candidates: readonly ValueId[]): Reduction[] {
    const start = reductionOf.get(seed)!;
    const chosen = [start];
    let running = runningValues(start);
    for (const id of candidates) {
      const reduction = reductionOf.get(id)!;
      if (reduction === start || !goTogether(values, start, reduction)) continue;
      const read = distinct([...chosen.map(({ output }) => output), id]) + 1;
      if (read > limits.buffers || running + runningValues(reduction) > limits.accumulators) continue;
      chosen.push(reduction);
      running += runningValues(reduction);
    }
    return chosen;
  }

  function chooseAfter(chosen: readonly Reduction[]): ValueId[] {
    const size = resultSize(chosen[0]!.space);
    const made = chosen.flatMap(({ output, variance }) =>
      variance === undefined ? [output] : [output, variance],
    );
    const inside = new Set(made);
    const after: ValueId[] = [];
    // In the order of the graph, so that what depends on the ones before comes after them; first what others wait for.
    for (const id of [...waiting.filter((each) => !isLast(each)), ...waiting.filter(isLast)]) {
      if (kindOf(id) !== 'map' || values.size(id) !== size || inside.has(id)) continue;
      const reads = [...leaves.of(id).keys()];
      if (!reads.some((leaf) => inside.has(leaf)) || !isReady(id, inside) || !aligned(id, inside)) continue;
      const outside = new Set([...after, id].flatMap((each) => [...leaves.of(each).keys()]));
      made.forEach((each) => outside.delete(each));
      after.forEach((each) => outside.delete(each));
      if (outside.size + outputBuffers([...made, ...after, id]) + 1 > limits.buffers) continue;
      after.push(id);
      inside.add(id);
    }
    return after;
  }

  function chooseMaps(seed: ValueId): ValueId[] {
    const size = values.size(seed);
    const chosen = [seed];
    const inside = new Set(chosen);
    const read = new Set(needs(seed));
    for (const id of waiting) {
      if (inside.has(id) || kindOf(id) !== 'map' || values.size(id) !== size) continue;
      const leavesHere = needs(id);
      const related =
        size <= smallMap ||
        leavesHere.some((leaf) => inside.has(leaf) || (read.has(leaf) && values.size(leaf) * 4 >= size));
      if (!related || !isReady(id, inside) || !aligned(id, inside)) continue;
      const next = [...chosen, id];
      if (distinct(next) + outputBuffers(next) > limits.buffers) continue;
      chosen.push(id);
      inside.add(id);
      leavesHere.forEach((leaf) => read.add(leaf));
    }
    return chosen;
  }
}

/** Small values that a dispatch makes and no kernel outside of expressions reads may share a buffer. */
export const isSmall = (values: Values, id: ValueId): boolean => values.size(id) <= 4096;

export function inputsOf({ input, index }: Reduction): ValueId[] {
  return [input, index].filter((id): id is ValueId => id !== undefined);
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
