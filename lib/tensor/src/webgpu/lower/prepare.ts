/**
 * Brings a graph into the form that is lowered: softmax becomes its parts, biases and ReLU become parts of
 * the convolution before them, fillings become constants, lists are joined in groups that a shader can bind,
 * and each result gets its own buffer.
 */
import {
  type Attributes,
  axisOf,
  callOf,
  countUses,
  type Graph,
  inferTypes,
  type KernelCall,
  type KernelName,
  nextId,
  type Node,
  sizeOf,
  type Value,
  type ValueId,
  valuesOf,
} from '../../ops/index.js';
import { isOfKind } from './kinds.js';
import { mostRead } from './leaves.js';

/** @param mostBuffers storage buffers that a shader can bind, at least 4 */
export function prepare(graph: Graph, mostBuffers: number): Graph {
  return withOwnResults(withShortLists(withoutPrepared(withBiases(graph)), mostBuffers));
}

/** The graph without kernels of the kind `prepared`. */
function withoutPrepared(graph: Graph): Graph {
  const nodes: Node[] = [];
  const types = new Map<ValueId, Value>();
  let next = nextId(graph);
  const add = (node: Node): void => {
    nodes.push(node);
    node.outputs.forEach((output) => types.set(output.id, output));
  };
  const run: Run = (kernel, inputs, attributes, output) => {
    const operands = inputs.map((id) => types.get(id)!);
    const value = output ?? { ...inferTypes(kernel, operands, attributes)[0]!, id: next++ };
    add(callOf(kernel, inputs, attributes, [value]));
    return value.id;
  };
  for (const node of graph.nodes) {
    if (node.kind !== 'kernel' || !isOfKind(node, 'prepared')) {
      add(node);
      continue;
    }
    const [output] = node.outputs as readonly [Value];
    switch (node.kernel) {
      case 'Softmax':
        softmax(node, run);
        break;
      case 'Fill':
        add(constant(Number(node.attributes.value), output));
        break;
      case 'ZerosLike':
        add(constant(0, output));
        break;
      case 'OnesLike':
        add(constant(1, output));
        break;
      default:
        node satisfies never;
    }
  }
  return { nodes, results: graph.results };
}

/** A constant that is filled with a number. */
function constant(value: number, output: Value): Node {
  const array = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[output.dtype];
  return { kind: 'constant', data: array.of(value), outputs: [output] };
}

/** Adds a call; returns its result, which is `output` if that is given. */
type Run = <K extends KernelName>(
  kernel: K,
  inputs: readonly ValueId[],
  attributes: Attributes[K],
  output?: Value,
) => ValueId;

/** exp(x − max) / Σ exp(x − max). */
function softmax({ inputs: [x], outputs: [output], attributes }: KernelCall<'Softmax'>, run: Run): void {
  const axis = axisOf(attributes.dim ?? -1, output!.shape.length);
  const largest = run('Max', [x!], { reductionIndices: [axis], keepDims: true });
  const shifted = run('Sub', [x!, largest], {});
  const powers = run('Exp', [shifted], {});
  const sum = run('Sum', [powers], { axis: [axis], keepDims: true });
  run('RealDiv', [powers, sum], {}, output);
}

/**
 * Concat and Pack of more values than one shader can bind, as a Concat of groups of them: an expression that
 * reads too much stores its parts, and a list by itself has none.
 */
function withShortLists(graph: Graph, mostBuffers: number): Graph {
  const most = mostRead(mostBuffers);
  let next = nextId(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (node.kind !== 'kernel' || (node.kernel !== 'Concat' && node.kernel !== 'Pack')) return [node];
    if (node.inputs.length <= most) return [node];
    const [output] = node.outputs as readonly [Value];
    const axis = axisOf(node.attributes.axis, output.shape.length);
    const parts = inGroups(node.inputs, most);
    // Of a Pack, each input is a slice of thickness 1; of a Concat, as thick as the values that it joins.
    const types = valuesOf(graph);
    const thickness = (id: ValueId): number => (node.kernel === 'Pack' ? 1 : types.get(id)!.shape[axis]!);
    const joined = parts.map((ids) => {
      const size = ids.reduce((sum, id) => sum + thickness(id), 0);
      const value = { ...output, shape: output.shape.with(axis, size), id: next++ };
      return callOf(node.kernel, ids, { axis }, [value]);
    });
    const whole = callOf(
      'Concat',
      joined.map(({ outputs }) => outputs[0]!.id),
      { axis },
      [output],
    );
    return [...joined, whole];
  });
  const shortened = { ...graph, nodes };
  return nodes.length > graph.nodes.length ? withShortLists(shortened, mostBuffers) : shortened;
}

/** Runs of at most `most` of `ids`, as equal in length as they can be. */
function inGroups(ids: readonly ValueId[], most: number): ValueId[][] {
  const length = Math.ceil(ids.length / Math.ceil(ids.length / most));
  const count = Math.ceil(ids.length / length);
  return Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length));
}

/**
 * Copies of the results that are an argument, a constant, or another result already: the caller gets one of
 * its own.
 */
function withOwnResults(graph: Graph): Graph {
  const types = valuesOf(graph);
  const reshapes = new Map<ValueId, ValueId>();
  const computed = new Set<ValueId>();
  for (const node of graph.nodes) {
    if (node.kind !== 'kernel') continue;
    node.outputs.forEach(({ id }) => computed.add(id));
    if (isOfKind(node, 'reshape')) reshapes.set(node.outputs[0]!.id, node.inputs[0]!);
  }
  const base = (id: ValueId): ValueId => (reshapes.has(id) ? base(reshapes.get(id)!) : id);
  const copies: Node[] = [];
  let next = nextId(graph);
  const results = graph.results.map((id) => {
    if (computed.delete(base(id))) return id;
    const value = { ...types.get(id)!, id: next++ };
    copies.push(callOf('Copy', [id], {}, [value]));
    return value.id;
  });
  return { nodes: [...graph.nodes, ...copies], results };
}

/** Conv2D(x, w) + b, with or without ReLU, as Conv2D(x, w, b), where nothing else reads what lies between. */
function withBiases(graph: Graph): Graph {
  const types = valuesOf(graph);
  const uses = countUses(graph);
  const readers = new Map<ValueId, Extract<Node, { kind: 'kernel' }>>();
  for (const node of graph.nodes) {
    if (node.kind === 'kernel') node.inputs.forEach((id) => readers.set(id, node));
  }
  const only = (id: ValueId, kernel: KernelName) => {
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
    const attributes = { ...node.attributes, relu: relu !== undefined };
    // At the place of the sum: its bias may be computed after the convolution.
    replaced.set(node, undefined);
    replaced.set(sum, callOf('Conv2D', [...node.inputs, bias], attributes, (relu ?? sum).outputs));
    if (relu) replaced.set(relu, undefined);
  }
  const nodes = graph.nodes.flatMap((node) => {
    if (!replaced.has(node)) return [node];
    return replaced.get(node) ?? [];
  });
  return { ...graph, nodes };
}
