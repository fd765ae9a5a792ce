/**
 * Makes a traced graph smaller without changing what it computes, in one pass from the inputs on:
 *
 * - the same kernel on the same values is computed once;
 * - kernels on constants are computed now, by tfjs itself;
 * - what changes nothing goes (x + 0, x · 1, a reshape to the same shape);
 * - (x − y)² becomes a difference and a square, for the gradient wants the difference again;
 * - x > 0 is asked of ReLU(x) where there is one, so that x itself need not be kept for the gradient;
 * - repeating moves behind elementwise kernels, which broadcast by themselves;
 * - fake quantization becomes kernels of its own (see quantizers.ts);
 *
 * and in one pass back, nodes that no result needs go.
 */
import { tf } from '../engines/index.js';
import {
  type ConstantData,
  elementsOf,
  type Graph,
  type KernelAttributes,
  type KernelNode,
  type Node,
  sameShape,
  sizeOf,
  type Value,
  type ValueId,
  valuesOf,
} from './ir.js';
import { kernels } from '../ops/index.js';
import { rewriteQuantizer } from './quantizers.js';

/** Constants are folded up to this many elements; larger ones are cheaper to compute than to store. */
const largestFolded = 1 << 20;

export function optimize(graph: Graph): Graph {
  return withoutDead(simplify(graph));
}

/** The state of the forward pass: what has been written, and what the old values are called now. */
interface Pass {
  readonly nodes: Node[];
  readonly value: (id: ValueId) => Value;
  readonly constant: (id: ValueId) => ConstantData | undefined;
  readonly producer: (id: ValueId) => KernelNode | undefined;
  /** The result of a kernel, which is written unless it is there already or can be computed now. */
  readonly run: (kernel: string, inputs: readonly ValueId[], attributes: KernelAttributes) => ValueId[];
  readonly reluOf: Map<ValueId, ValueId>;
}

function simplify(graph: Graph): Graph {
  const renamed = new Map<ValueId, ValueId>();
  const pass = createPass(1 + Math.max(-1, ...valuesOf(graph).keys()));
  for (const node of graph.nodes) {
    const outputs = node.outputs.map(({ id }) => id);
    const ids = node.kind === 'kernel' ? rewrite(pass, node, renamed) : keep(pass, node);
    outputs.forEach((id, i) => renamed.set(id, ids[i]!));
  }
  return { nodes: pass.nodes, results: graph.results.map((id) => renamed.get(id)!) };
}

function createPass(firstId: number): Pass & { add: (node: Node) => void; constants: Map<string, ValueId> } {
  const nodes: Node[] = [];
  const values = new Map<ValueId, Value>();
  const producers = new Map<ValueId, Node>();
  const known = new Map<string, ValueId[]>();
  const constants = new Map<string, ValueId>();
  let next = firstId;
  const add = (node: Node): void => {
    nodes.push(node);
    for (const output of node.outputs) {
      values.set(output.id, output);
      producers.set(output.id, node);
    }
  };
  const value = (id: ValueId): Value => values.get(id)!;
  const constant = (id: ValueId): ConstantData | undefined => {
    const node = producers.get(id)!;
    return node.kind === 'constant' ? node.data : undefined;
  };
  const addConstant = (data: ConstantData, type: Omit<Value, 'id'>): ValueId => {
    const id = next++;
    add({ kind: 'constant', data, outputs: [{ ...type, id }] });
    return id;
  };
  const run: Pass['run'] = (kernel, inputs, attributes) => {
    const key = JSON.stringify([kernel, inputs, attributes]);
    const before = known.get(key);
    if (before) return before;
    const types = kernels[kernel]!.infer(inputs.map(value), attributes);
    const foldable =
      inputs.every((id) => constant(id) !== undefined) &&
      types.every(({ shape }) => sizeOf(shape) <= largestFolded) &&
      inputs.every((id) => sizeOf(value(id).shape) <= largestFolded);
    const ids = foldable
      ? fold(
          kernel,
          inputs.map((id) => ({ type: value(id), data: constant(id)! })),
          attributes,
        ).map((data, i) => addConstant(data, types[i]!))
      : types.map(() => next++);
    if (!foldable) {
      const outputs = types.map(({ dtype, shape }, i) => ({ dtype, shape, id: ids[i]! }));
      add({ kind: 'kernel', kernel, inputs, attributes, outputs });
    }
    known.set(key, ids);
    return ids;
  };
  const producer = (id: ValueId): KernelNode | undefined => {
    const node = producers.get(id)!;
    return node.kind === 'kernel' ? node : undefined;
  };
  return { nodes, value, constant, producer, run, add, constants, reluOf: new Map() };
}

/** Inputs stay; equal small constants become one. */
function keep(pass: ReturnType<typeof createPass>, node: Exclude<Node, KernelNode>): ValueId[] {
  const { id, dtype, shape } = node.outputs[0];
  if (node.kind === 'constant' && node.data.length <= 64) {
    const key = `${dtype} ${shape.join()} ${node.data.join()} ${Object.is(node.data[0], -0)}`;
    const before = pass.constants.get(key);
    if (before !== undefined) return [before];
    pass.constants.set(key, id);
  }
  pass.add(node);
  return [id];
}

/** The values that stand for the node's results. */
function rewrite(pass: Pass, node: KernelNode, renamed: ReadonlyMap<ValueId, ValueId>): readonly ValueId[] {
  const inputs = node.inputs.map((id) => renamed.get(id)!);
  const [x, y] = inputs;
  const { shape, dtype } = node.outputs[0]!;
  const { kernel, attributes } = node;
  const same = (id: ValueId): boolean =>
    sameShape(pass.value(id).shape, shape) && pass.value(id).dtype === dtype;
  const filledWith = (id: ValueId, number: number): boolean => {
    const data = pass.constant(id);
    return data?.length === 1 && data[0] === number;
  };
  switch (kernel) {
    case 'Reshape':
    case 'ExpandDims':
    case 'Cast':
    case 'Tile':
    case 'Slice':
    case 'BroadcastTo':
      if (same(x!)) return [x!];
      break;
    case 'Add':
      if (filledWith(y!, 0) && same(x!)) return [x!];
      if (filledWith(x!, 0) && same(y!)) return [y!];
      break;
    case 'Sub':
      if (filledWith(y!, 0) && same(x!)) return [x!];
      break;
    case 'Multiply':
      if (filledWith(y!, 1)) return [broadcast(pass, x!, shape) ?? pass.run(kernel, inputs, attributes)[0]!];
      if (filledWith(x!, 1)) return [broadcast(pass, y!, shape) ?? pass.run(kernel, inputs, attributes)[0]!];
      break;
    case 'RealDiv':
      if (filledWith(y!, 1) && same(x!)) return [x!];
      break;
    case 'SquaredDifference':
      return pass.run('Square', run1(pass, 'Sub', [x!, y!]), {});
    case 'Relu': {
      const result = pass.run(kernel, inputs, attributes);
      pass.reluOf.set(x!, result[0]!);
      return result;
    }
    case 'Step': {
      const relu = pass.reluOf.get(x!);
      if (relu !== undefined && !attributes['alpha']) return pass.run(kernel, [relu], attributes);
      break;
    }
    default:
  }
  const quantizer = rewriteQuantizer(pass, node, inputs);
  if (quantizer !== undefined) return [quantizer];
  return sinkRepeats(pass, node, inputs) ?? pass.run(kernel, inputs, attributes);
}

function run1(pass: Pass, kernel: string, inputs: readonly ValueId[]): ValueId[] {
  return pass.run(kernel, inputs, {});
}

/** x repeated along axes of one element to `shape`; undefined for other ranks. */
function broadcast(pass: Pass, x: ValueId, shape: Value['shape']): ValueId | undefined {
  const from = pass.value(x).shape;
  if (sameShape(from, shape)) return x;
  if (from.length !== shape.length) return undefined;
  return pass.run('Tile', [x], { reps: shape.map((size, i) => size / from[i]!) })[0];
}

const elementwise = new Set(
  'Add Sub Multiply RealDiv Maximum Minimum Neg Square Sqrt Rsqrt Exp Log Cast Relu Step ClipByValue'.split(
    ' ',
  ),
);

/** op(repeat(x), y) → op(x, y) if y has the whole shape, else repeat(op(x, y)). */
function sinkRepeats(pass: Pass, node: KernelNode, inputs: readonly ValueId[]): ValueId[] | undefined {
  if (!elementwise.has(node.kernel)) return undefined;
  const { shape } = node.outputs[0]!;
  const sources = inputs.map((id) => repeated(pass, id) ?? id);
  if (sources.every((id, i) => id === inputs[i])) return undefined;
  const result = pass.run(node.kernel, sources, node.attributes)[0]!;
  const whole = broadcast(pass, result, shape);
  return whole === undefined ? undefined : [whole];
}

/** What a value repeats along axes of one element. */
function repeated(pass: Pass, id: ValueId): ValueId | undefined {
  const node = pass.producer(id);
  if (node?.kernel !== 'Tile') return undefined;
  const [x] = node.inputs;
  const reps = node.attributes['reps'] as number[];
  return pass.value(x!).shape.every((size, i) => size === 1 || reps[i] === 1) ? x : undefined;
}

/** Runs one kernel on tfjs's plain JavaScript backend. */
function fold(
  kernel: string,
  inputs: readonly { type: Value; data: ConstantData }[],
  attributes: KernelAttributes,
): ConstantData[] {
  const engine = tf.engine();
  const before = tf.getBackend();
  void tf.setBackend('cpu');
  engine.startScope('fold');
  try {
    const tensors = inputs.map(({ type, data }) =>
      tf.tensor(elementsOf(data, type.shape), [...type.shape], type.dtype),
    );
    const names = kernels[kernel]!.inputs;
    const entries = tensors.map((tensor, i) => [names === 'list' ? i : names[i]!, tensor] as const);
    const named = names === 'list' ? tensors : Object.fromEntries(entries);
    const result: unknown = engine.runKernel(kernel, named as never, attributes as never);
    return [result as tf.Tensor].flat().map((tensor) => compacted(tensor.dataSync() as ConstantData));
  } finally {
    engine.endScope();
    void tf.setBackend(before);
  }
}

function compacted(data: ConstantData): ConstantData {
  const first = data[0];
  return data.length > 1 && (data as Float32Array).every((x) => Object.is(x, first))
    ? data.slice(0, 1)
    : data;
}

/** Inputs stay, for callers count them. */
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
