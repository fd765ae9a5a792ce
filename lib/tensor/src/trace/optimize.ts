/**
 * Simplifies a traced graph without changing what it computes: one pass from the inputs on rewrites it
 * (writer.ts), each kernel by the first rule that applies (rules/), and one pass back removes nodes that no
 * result needs.
 */
import { type Graph, type KernelNode, nextId, type Node, type ValueId } from '../ops/index.js';
import type { Rule, Writer } from './rule.js';
import { rules } from './rules/index.js';
import { createWriter } from './writer.js';

/** The smaller graph. All of its inputs are kept, in their order, because callers count them. */
export function optimize(graph: Graph): Graph {
  return withoutDead(rewrite(graph, rules));
}

/** The graph written anew by these rules; of several that apply to a kernel, the first counts. */
export function rewrite(graph: Graph, by: readonly Rule[]): Graph {
  const renamed = new Map<ValueId, ValueId>();
  const writer = createWriter(nextId(graph));
  for (const node of graph.nodes) {
    const ids =
      node.kind === 'kernel'
        ? rewriteKernel(
            writer,
            node,
            node.inputs.map((id) => renamed.get(id)!),
            by,
          )
        : [writer.keep(node)];
    node.outputs.forEach(({ id }, i) => renamed.set(id, ids[i]!));
  }
  return { nodes: writer.nodes, results: graph.results.map((id) => renamed.get(id)!) };
}

/** The values that stand for the node's results. */
function rewriteKernel(
  writer: Writer,
  node: KernelNode,
  inputs: readonly ValueId[],
  by: readonly Rule[],
): readonly ValueId[] {
  for (const { apply } of by) {
    const result = apply(writer, node, inputs);
    if (result !== undefined) return [result];
  }
  return writer.run(node.kernel, inputs, node.attributes);
}

function withoutDead({ nodes, results }: Graph): Graph {
  const needed = new Set(results);
  const kept: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (node.kind !== 'input' && !node.outputs.some(({ id }) => needed.has(id))) continue;
    if (node.kind === 'kernel') node.inputs.forEach((id) => needed.add(id));
    kept.push(node);
  }
  return { nodes: kept.reverse(), results };
}
