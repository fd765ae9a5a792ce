/**
 * A graph's values as the lowering sees them: who makes them, who reads them, and which are the same
 * elements.
 */
import { type Graph, type KernelNode, type Node, sizeOf, type Value, type ValueId } from '../../ops/index.js';
import { isOfKind, kindOf } from './kinds.js';

export interface Values {
  readonly graph: Graph;
  readonly node: (id: ValueId) => Node;
  readonly type: (id: ValueId) => Value;
  readonly size: (id: ValueId) => number;
  /** The value whose elements these are, in the same order: reshaping has no cost. */
  readonly base: (id: ValueId) => ValueId;
  /** The number of a constant that is the same everywhere. */
  readonly filling: (id: ValueId) => number | undefined;
  /** Whether each element is an expression of elements of other values, so that it need not be stored. */
  readonly isExpression: (id: ValueId) => boolean;
  /** The kernels that read a base value, by their order in the graph. */
  readonly readers: (id: ValueId) => readonly KernelNode[];
}

export function valuesFor(graph: Graph): Values {
  const nodes = new Map<ValueId, Node>();
  const types = new Map<ValueId, Value>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      nodes.set(output.id, node);
      types.set(output.id, output);
    }
  }
  const node = (id: ValueId): Node => nodes.get(id)!;
  const base = (id: ValueId): ValueId => {
    const made = node(id);
    return made.kind === 'kernel' && isOfKind(made, 'reshape') ? base(made.inputs[0]!) : id;
  };
  const readers = new Map<ValueId, KernelNode[]>();
  for (const made of graph.nodes) {
    if (made.kind !== 'kernel' || isOfKind(made, 'reshape')) continue;
    for (const id of new Set(made.inputs.map(base))) readers.set(id, [...(readers.get(id) ?? []), made]);
  }
  return {
    graph,
    node,
    base,
    type: (id) => types.get(id)!,
    size: (id) => sizeOf(types.get(id)!.shape),
    filling: (id) => {
      const made = node(id);
      return made.kind === 'constant' && made.data.length === 1 ? made.data[0] : undefined;
    },
    isExpression: (id) => {
      const made = node(id);
      return made.kind === 'kernel' && ['map', 'view'].includes(kindOf(made.kernel));
    },
    readers: (id) => readers.get(id) ?? [],
  };
}
