/** Groups: what one dispatch computes. */
import type { ValueId } from '../../../ops/index.js';
import type { DispatchNode, ItemsNode } from '../kernelGroup.js';
import type { Reduction } from '../reductions.js';
import type { Space } from '../space.js';
import type { Values } from '../values.js';

export type Group =
  | { readonly kind: 'map'; readonly outputs: readonly ValueId[] }
  | {
      readonly kind: 'reduce';
      readonly space: Space;
      readonly reductions: readonly Reduction[];
      /** Expressions of the results, element by element. */
      readonly after: readonly ValueId[];
    }
  | { readonly kind: 'kernel'; readonly node: DispatchNode }
  /** Small kernels one after the other in one workgroup; those of a level do not read each other. */
  | { readonly kind: 'small'; readonly levels: readonly (readonly SmallStep[])[] };

export type SmallStep =
  | { readonly kind: 'map'; readonly id: ValueId }
  | { readonly kind: 'reduce'; readonly reduction: Reduction }
  | { readonly kind: 'kernel'; readonly node: ItemsNode };

export interface Limits {
  /** Storage buffers that a shader can bind. */
  readonly buffers: number;
  /** Running values of one dispatch. */
  readonly accumulators: number;
}

/** Small values that a dispatch makes and no kernel outside of expressions reads may share a buffer. */
export const isSmall = (values: Values, id: ValueId): boolean => values.size(id) <= 4096;

export function inputsOf({ input, index }: Reduction): ValueId[] {
  return [input, index].filter((id): id is ValueId => id !== undefined);
}

export function resultsOf({ output, variance }: Reduction): ValueId[] {
  return variance === undefined ? [output] : [output, variance];
}

/** Groups as text, one a line: what kind, and the values that it makes; `|` stands for a barrier. */
export function printGroups(groups: readonly Group[]): string {
  return groups.map(printGroup).join('\n');
}

const names = (ids: readonly ValueId[]): string => ids.map((id) => `%${id}`).join(' ');

function printGroup(group: Group): string {
  switch (group.kind) {
    case 'map':
      return `map ${names(group.outputs)}`;
    case 'reduce': {
      const after = group.after.length > 0 ? `, then ${names(group.after)}` : '';
      return `reduce ${group.space.kind} ${names(group.reductions.flatMap(resultsOf))}${after}`;
    }
    case 'kernel':
      return `kernel ${group.node.kernel} ${names(group.node.outputs.map(({ id }) => id))}`;
    case 'small':
      return `small ${group.levels.map((steps) => steps.map(printStep).join(' ')).join(' | ')}`;
    default:
      return group satisfies never;
  }
}

function printStep(step: SmallStep): string {
  switch (step.kind) {
    case 'map':
      return names([step.id]);
    case 'reduce':
      return names(resultsOf(step.reduction));
    case 'kernel':
      return names(step.node.outputs.map(({ id }) => id));
    default:
      return step satisfies never;
  }
}
