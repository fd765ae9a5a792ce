/**
 * Brings a graph into the form that is lowered: softmax as its parts, biases and ReLU as parts of the convolution before
 * them, and results that have a buffer of their own.
 */
import {
  type Graph,
  type KernelAttributes,
  type KernelNode,
  type Node,
  sizeOf,
  type Value,
  type ValueId,
  valuesOf,
} from '../../trace/ir.js';
import { axisOf } from '../../ops/kernel.js';
import { kernels } from '../../ops/index.js';

export function prepare(given: Graph): Graph {
  const graph = withBiases(given);
  const nodes: Node[] = [];
  const types = new Map<ValueId, Value>();
  const reshapes = new Map<ValueId, ValueId>();
  let next = 1 + Math.max(-1, ...graph.nodes.flatMap((node) => node.outputs.map(({ id }) => id)));
  const add = (node: Node): void => {
    nodes.push(node);
    node.outputs.forEach((output) => types.set(output.id, output));
    if (node.kind === 'kernel' && (node.kernel === 'Reshape' || node.kernel === 'ExpandDims')) {
      reshapes.set(node.outputs[0]!.id, node.inputs[0]!);
    }
  };
  const run: Run = (kernel, inputs, attributes = {}, output) => {
    const [type] = kernels[kernel]!.infer(
      inputs.map((id) => types.get(id)!),
      attributes,
    );
    const value = output ?? { ...type!, id: next++ };
    add({ kind: 'kernel', kernel, inputs, attributes, outputs: [value] });
    return value.id;
  };
  for (const node of graph.nodes) {
    if (node.kind === 'kernel' && (node.kernel === 'Softmax' || node.kernel === 'LogSoftmax'))
      softmax(node, run);
    else if (node.kind === 'kernel' && node.kernel in fillings) add(filled(node));
    else add(node);
  }
  const base = (id: ValueId): ValueId => (reshapes.has(id) ? base(reshapes.get(id)!) : id);
  const computed = new Set(
    nodes.flatMap((node) => (node.kind === 'kernel' ? node.outputs.map(({ id }) => id) : [])),
  );
  const results = graph.results.map((id) => {
    if (computed.delete(base(id))) return id;
    // An argument, a constant, or another result already: the caller gets a copy.
    const value = { ...types.get(id)!, id: next++ };
    add({ kind: 'kernel', kernel: 'Copy', inputs: [id], attributes: {}, outputs: [value] });
    return value.id;
  });
  return { nodes, results };
}

const fillings: Readonly<Record<string, (attributes: KernelAttributes) => number>> = {
  Fill: ({ value }) => Number(value),
  ZerosLike: () => 0,
  OnesLike: () => 1,
};

/** A kernel that fills as the constant that it makes. */
function filled({ kernel, attributes, outputs }: KernelNode): Node {
  const [output] = outputs as readonly [Value];
  const array = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[output.dtype];
  return { kind: 'constant', data: array.of(fillings[kernel]!(attributes)), outputs: [output] };
}

type Run = (
  kernel: string,
  inputs: readonly ValueId[],
  attributes?: KernelAttributes,
  output?: Value,
) => ValueId;

/** exp(x − max) / Σ exp(x − max), or its logarithm. */
function softmax({ kernel, inputs: [x], outputs: [output], attributes }: KernelNode, run: Run): void {
  const axis = axisOf(attributes['dim'] ?? attributes['axis'] ?? -1, output!.shape.length);
  const largest = run('Max', [x!], { reductionIndices: [axis], keepDims: true });
  const shifted = run('Sub', [x!, largest]);
  const powers = run('Exp', [shifted]);
  const sum = run('Sum', [powers], { axis: [axis], keepDims: true });
  if (kernel === 'Softmax') run('RealDiv', [powers, sum], {}, output);
  else run('Sub', [shifted, run('Log', [sum])], {}, output);
}

/** Conv2D(x, w) + b, with or without ReLU, as Conv2D(x, w, b), where nothing else reads what lies between. */
function withBiases(graph: Graph): Graph {
  const types = valuesOf(graph);
  const uses = new Map<ValueId, number>();
  const use = (id: ValueId): void => void uses.set(id, (uses.get(id) ?? 0) + 1);
  const readers = new Map<ValueId, KernelNode>();
  for (const node of graph.nodes) {
    if (node.kind !== 'kernel') continue;
    node.inputs.forEach(use);
    node.inputs.forEach((id) => readers.set(id, node));
  }
  graph.results.forEach(use);
  const only = (id: ValueId, kernel: string): KernelNode | undefined => {
    const reader = readers.get(id);
    return uses.get(id) === 1 && reader?.kernel === kernel ? reader : undefined;
  };
  const replaced = new Map<Node, Node | undefined>();
  for (const node of graph.nodes) {
    if (node.kind !== 'kernel' || node.kernel !== 'Conv2D') continue;
    const [y] = node.outputs as readonly [Value];
    const sum = only(y.id, 'Add');
    const bias = sum?.inputs.find((id) => id !== y.id);
    const channels = y.shape[3]!;
    if (!sum || bias === undefined) continue;
    const { shape, dtype } = types.get(bias)!;
    if (dtype !== 'float32' || shape.at(-1) !== channels || sizeOf(shape) !== channels) continue;
    const relu = only(sum.outputs[0]!.id, 'Relu');
    const last = relu ?? sum;
    const attributes = { ...node.attributes, relu: relu !== undefined };
    // At the place of the sum: its bias may be computed after the convolution.
    replaced.set(node, undefined);
    replaced.set(sum, { ...node, inputs: [...node.inputs, bias], attributes, outputs: last.outputs });
    if (relu) replaced.set(relu, undefined);
  }
  const nodes = graph.nodes.flatMap((node) =>
    replaced.has(node) ? [replaced.get(node)!].filter(Boolean) : [node],
  );
  return { ...graph, nodes };
}
