/**
 * What has still to be computed: which values wait, what each of them needs, and what the rules ask about
 * them.
 */
import type { KernelNode, ValueId } from '../../../ops/index.js';
import { kindOf as kindOfKernel } from '../kinds.js';
import type { Leaves } from '../leaves.js';
import type { Reduction } from '../reductions.js';
import type { Values } from '../values.js';
import { type Group, inputsOf, isSmall, type Limits, resultsOf } from './group.js';

/** How a value comes about: as an expression, a reduction, or the result of a kernel of its own. */
export type Way = 'map' | 'reduce' | 'kernel';

/** A group that a rule made. */
export interface Step {
  readonly group: Group;
  /** The values that wait no longer. */
  readonly done: readonly ValueId[];
  /** All values that the group makes. */
  readonly made: readonly ValueId[];
}

export interface Pending {
  readonly values: Values;
  readonly leaves: Leaves;
  readonly limits: Limits;
  /** In the order of the graph. */
  readonly waiting: readonly ValueId[];
  readonly isThere: (id: ValueId) => boolean;
  readonly node: (id: ValueId) => KernelNode;
  readonly way: (id: ValueId) => Way;
  /** The reduction whose (first) result a value is. */
  readonly reduction: (id: ValueId) => Reduction | undefined;
  /** The values in memory that computing a value reads. */
  readonly needs: (id: ValueId) => readonly ValueId[];
  /** Whether all that it needs is there, or among `also`. */
  readonly canRun: (id: ValueId, also?: ReadonlySet<ValueId>) => boolean;
  /** What is made together with a value, itself included. */
  readonly madeWith: (id: ValueId) => readonly ValueId[];
  /** Whether its elements among `inside` are read at their own place only. */
  readonly readsInPlace: (id: ValueId, inside: ReadonlySet<ValueId>) => boolean;
  /** Buffers that one dispatch of all these reads. */
  readonly readBuffers: (made: readonly ValueId[]) => number;
  /**
   * Buffers that it writes: small values that are no results, and that no kernel reads, share one of floats,
   * and one of whole numbers.
   */
  readonly writtenBuffers: (made: readonly ValueId[]) => number;
  /** Whether the threads of one workgroup compute it in a moment. */
  readonly isSmallStep: (id: ValueId) => boolean;
  /** Whether it is small and for the result of the step only, so that it can be computed at the very end. */
  readonly isLast: (id: ValueId) => boolean;
  readonly finish: (step: Step) => void;
}

/** Results, and terms of one, of a small step. */
const [smallResults, smallTerms] = [2048, 128];

export function createPending(
  values: Values,
  leaves: Leaves,
  reductions: readonly Reduction[],
  results: ReadonlySet<ValueId>,
  limits: Limits,
): Pending {
  const variances = new Set(reductions.flatMap(({ variance }) => (variance === undefined ? [] : [variance])));
  const reductionOf = new Map(reductions.map((reduction) => [reduction.output, reduction]));
  const there = new Set<ValueId>();
  const waiting: ValueId[] = [];
  const readByKernels = new Set<ValueId>();
  for (const node of values.graph.nodes) {
    if (node.kind === 'kernel' && kindOfKernel(node.kernel) === 'dispatch')
      node.inputs.forEach((id) => readByKernels.add(values.base(id)));
    for (const { id } of node.outputs) {
      if (values.base(id) !== id || variances.has(id)) continue;
      const stands = values.isExpression(id) || id === node.outputs[0]!.id;
      if (node.kind !== 'kernel') there.add(id);
      else if (leaves.isStored(id) && stands) waiting.push(id);
    }
  }

  const node = (id: ValueId): KernelNode => values.node(id) as KernelNode;
  const reduction = (id: ValueId): Reduction | undefined => reductionOf.get(id);
  const way = (id: ValueId): Way => {
    if (values.isExpression(id)) return 'map';
    return kindOfKernel(node(id).kernel) === 'reduction' ? 'reduce' : 'kernel';
  };
  const needs = (id: ValueId): readonly ValueId[] => {
    if (way(id) === 'map') return [...leaves.of(id).keys()];
    const found = reduction(id);
    const inputs = found ? inputsOf(found) : node(id).inputs;
    return inputs.flatMap((input) => [...leaves.read(input).keys()]);
  };
  const isSmallStep = (id: ValueId): boolean => {
    const made = node(id);
    if (made.outputs.some((output) => values.size(output.id) > smallResults)) return false;
    if (way(id) === 'map') return true;
    const found = reduction(id);
    if (found) return found.operation !== 'Bins' && found.count <= smallTerms;
    if (made.kernel === 'Cumsum') return Math.max(...values.type(id).shape) <= smallTerms;
    return made.kernel === 'TopK' && values.type(made.inputs[0]!).shape.at(-1)! <= smallTerms;
  };

  return {
    ...{ values, leaves, limits, waiting, node, way, reduction, needs, isSmallStep },
    isThere: (id) => there.has(id),
    canRun: (id, also) => needs(id).every((need) => there.has(need) || also?.has(need)),
    madeWith: (id) => {
      if (way(id) === 'map') return [id];
      const found = reduction(id);
      return found ? resultsOf(found) : node(id).outputs.map((output) => output.id);
    },
    readsInPlace: (id, inside) =>
      [...leaves.of(id).values()].every((leaf) => !inside.has(leaf.id) || leaf.aligned),
    readBuffers: (made) => new Set(made.flatMap(needs).filter((id) => !made.includes(id))).size,
    writtenBuffers: (made) => {
      const alone = made.filter((id) => results.has(id) || readByKernels.has(id) || !isSmall(values, id));
      const shared = made.filter((id) => !alone.includes(id));
      return alone.length + new Set(shared.map((id) => values.type(id).dtype === 'float32')).size;
    },
    isLast: (id) => isSmallStep(id) && values.readers(id).length === 0,
    finish: ({ done, made }) => {
      made.forEach((id) => there.add(id));
      for (const id of done) waiting.splice(waiting.indexOf(id), 1);
    },
  };
}
