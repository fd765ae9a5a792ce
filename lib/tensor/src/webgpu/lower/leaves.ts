/**
 * Which values are stored, and which are computed wherever they are read. Storing a value costs a pass that
 * writes it and one read for each reader; computing it again costs the reads of what it is made of. So a
 * value is stored when
 *
 * - it is a result, or a kernel that is no expression (a convolution, a table to look up in) reads it;
 * - several readers would each read two or more large tensors to compute it;
 * - it is small and enters something larger, where every element would compute it again;
 * - without it, a kernel would read more buffers than a shader can bind.
 */
import type { KernelName, KernelNode, ValueId } from '../../ops/index.js';
import { isOfKind } from './kinds.js';
import type { Values } from './values.js';

/** Reads of one stored value: `aligned` if it is read at the reader's own place only. */
export interface Leaf {
  readonly id: ValueId;
  readonly aligned: boolean;
}

export interface Leaves {
  readonly isStored: (id: ValueId) => boolean;
  /** The stored values that the expression of a value reads; of a stored value, those that it is made of. */
  readonly of: (id: ValueId) => ReadonlyMap<ValueId, Leaf>;
  /** The same for an input of a kernel: the value itself if it is stored. */
  readonly read: (id: ValueId) => ReadonlyMap<ValueId, Leaf>;
}

/**
 * Inputs of kernels that must lie in memory, by their index; all, for kernels that are not expressions or
 * reductions.
 */
const tables: { readonly [K in KernelName]?: readonly number[] } = { GatherV2: [0], SearchSorted: [0] };

/** Buffers that a kernel can read: a result and the partial sums of a reduction need theirs. */
export const mostRead = (mostBuffers: number): number => mostBuffers - 2;

export function chooseStored(values: Values, results: readonly ValueId[], mostBuffers: number): Leaves {
  const stored = new Set<ValueId>();
  for (const node of values.graph.nodes) {
    for (const { id } of node.outputs) {
      if (values.base(id) === id && values.filling(id) === undefined && !values.isExpression(id))
        stored.add(id);
    }
    if (node.kind !== 'kernel' || isOfKind(node, 'reshape')) continue;
    const expression = values.isExpression(node.outputs[0]!.id);
    node.inputs.forEach((input, i) => {
      const required = expression ? tables[node.kernel]?.includes(i) : !isOfKind(node, 'reduction');
      if (required) stored.add(values.base(input));
    });
  }
  results.forEach((id) => stored.add(values.base(id)));

  const leaves = leavesOf(values, stored);
  const anchors = new Map<ValueId, Set<unknown>>();
  for (const node of [...values.graph.nodes].reverse()) {
    for (const { id } of node.outputs) {
      if (values.base(id) !== id) continue;
      const read = new Set<unknown>();
      for (const reader of values.readers(id)) {
        const reads = reader.outputs.map((output) => output.id);
        for (const output of reads) {
          if (stored.has(output) || !values.isExpression(output))
            read.add(values.isExpression(output) ? output : reader);
          else anchors.get(output)?.forEach((anchor) => read.add(anchor));
        }
      }
      anchors.set(id, read);
      if (stored.has(id) || !values.isExpression(id) || node.kind !== 'kernel' || !isOfKind(node, 'map'))
        continue;
      const large = [...leaves.of(id).keys()].filter((leaf) => values.size(leaf) * 2 >= values.size(id));
      const costly = read.size > 1 && large.length > 1;
      if (costly || growsInto(values, id)) stored.add(id);
    }
  }
  storeToFit(values, stored, mostBuffers);
  return leavesOf(values, stored);
}

/** Whether a reader of the value has so many more elements that each would be computed many times. */
function growsInto(values: Values, id: ValueId): boolean {
  return values.readers(id).some((reader) => {
    const size = Math.max(...reader.outputs.map((output) => values.size(output.id)));
    return size >= 4 * values.size(id);
  });
}

/** Leaves by value, computed anew while `stored` grows. */
function leavesOf(values: Values, stored: ReadonlySet<ValueId>): Leaves {
  let known = new Map<ValueId, ReadonlyMap<ValueId, Leaf>>();
  let size = stored.size;
  const of = (id: ValueId): ReadonlyMap<ValueId, Leaf> => {
    if (stored.size !== size) [known, size] = [new Map(), stored.size];
    const before = known.get(id);
    if (before) return before;
    const found = new Map<ValueId, Leaf>();
    const node = values.node(id) as KernelNode;
    for (const input of node.inputs) {
      const aligned = isOfKind(node, 'map') && values.size(input) === values.size(id);
      for (const leaf of read(input).values()) {
        found.set(leaf.id, {
          id: leaf.id,
          aligned: aligned && leaf.aligned && (found.get(leaf.id)?.aligned ?? true),
        });
      }
    }
    known.set(id, found);
    return found;
  };
  const read = (id: ValueId): ReadonlyMap<ValueId, Leaf> => {
    const base = values.base(id);
    if (values.filling(base) !== undefined) return new Map();
    return stored.has(base) ? new Map([[base, { id: base, aligned: true }]]) : of(base);
  };
  return { isStored: (id) => stored.has(id), of, read };
}

/** Stores inner values of expressions that read too many buffers, the ones that hide the most first. */
function storeToFit(values: Values, stored: Set<ValueId>, mostBuffers: number): void {
  const leaves = leavesOf(values, stored);
  const most = mostRead(mostBuffers);
  for (const node of values.graph.nodes) {
    if (node.kind !== 'kernel') continue;
    const [output] = node.outputs;
    const roots = isOfKind(node, 'reduction')
      ? node.inputs.map(values.base)
      : values.isExpression(output!.id) && stored.has(output!.id)
        ? [output!.id]
        : [];
    for (const root of roots) {
      for (;;) {
        if (isOfKind(node, 'reduction') && stored.has(root)) break;
        if (values.filling(root) !== undefined || leaves.of(root).size <= most) break;
        stored.add(largestInside(values, stored, leaves, root, most));
      }
    }
  }
}

function largestInside(
  values: Values,
  stored: ReadonlySet<ValueId>,
  leaves: Leaves,
  root: ValueId,
  most: number,
): ValueId {
  let best: ValueId | undefined;
  const visit = (id: ValueId): void => {
    for (const input of (values.node(id) as KernelNode).inputs.map(values.base)) {
      if (stored.has(input) || values.filling(input) !== undefined) continue;
      const count = leaves.of(input).size;
      if (count <= most && count > (best === undefined ? 1 : leaves.of(best).size)) best = input;
      visit(input);
    }
  };
  visit(root);
  if (best === undefined) throw new Error(`%${root} reads too many buffers and has no part to store`);
  return best;
}
