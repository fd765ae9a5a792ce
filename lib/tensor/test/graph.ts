/** Graphs of a few nodes for tests, written as `printGraph` prints them. */
import assert from 'node:assert/strict';
import {
  callOf,
  type ConstantData,
  type DType,
  type Graph,
  isKernelName,
  type Node,
  printGraph,
  type Value,
  type ValueId,
} from '../src/ops/index.js';

/**
 * The graph of a text, one node a line:
 *
 *     %0 = input "x" float32[2,3]
 *     %1 = constant {0} float32[]
 *     %2 = Add(%0, %1) float32[2,3]
 *     return %2
 */
export function parseGraph(text: string): Graph {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.trim());
  const last = lines.pop()!;
  return { nodes: lines.map(parseNode), results: idsIn(last) };
}

/** Holds a graph against a text; values are numbered in their order, whatever they were called. */
export function assertGraph(graph: Graph, text: string): void {
  assert.equal(printGraph(numbered(graph)), printGraph(numbered(parseGraph(text))));
}

function parseNode(line: string): Node {
  const [, left, body, right] = /^(.*?) = (.*?) ?((?:\w+\[[\d,]*\](?:, )?)+)$/.exec(line) ?? [];
  assert.ok(left && body && right, `not a node: ${line}`);
  const outputs = outputsOf(idsIn(left), right);
  const [input] = /(?<=^input ")[^"]*/.exec(body) ?? [];
  if (input !== undefined) return { kind: 'input', path: input, outputs: [outputs[0]!] };
  const [constant] = /(?<=^constant \{)[^}]*/.exec(body) ?? [];
  if (constant !== undefined) {
    const array = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[outputs[0]!.dtype];
    const data: ConstantData = array.from(constant.split(',').map(Number));
    return { kind: 'constant', data, outputs: [outputs[0]!] };
  }
  const [, kernel, operands, attributes] = /^(\w+)\((.*?)\) ?(\{.*\})?$/.exec(body) ?? [];
  assert.ok(kernel && isKernelName(kernel), `not a kernel: ${body}`);
  return callOf(kernel, idsIn(operands!), JSON.parse(attributes ?? '{}') as never, outputs);
}

const idsIn = (text: string): ValueId[] => [...text.matchAll(/%(\d+)/g)].map(([, id]) => Number(id));

function outputsOf(ids: readonly ValueId[], types: string): Value[] {
  return [...types.matchAll(/(\w+)\[([\d,]*)\]/g)].map(([, dtype, shape], i) => ({
    id: ids[i]!,
    dtype: dtype as DType,
    shape: shape === '' ? [] : shape!.split(',').map(Number),
  }));
}

function numbered({ nodes, results }: Graph): Graph {
  const names = new Map<ValueId, ValueId>();
  const named = (id: ValueId): ValueId => names.get(id) ?? -1;
  const renamed = nodes.map((node): Node => {
    const outputs = node.outputs.map((output) => {
      names.set(output.id, names.size);
      return { ...output, id: named(output.id) };
    });
    if (node.kind === 'kernel') {
      return callOf(node.kernel, node.inputs.map(named), node.attributes as never, outputs);
    }
    return { ...node, outputs: [outputs[0]!] };
  });
  return { nodes: renamed, results: results.map(named) };
}
