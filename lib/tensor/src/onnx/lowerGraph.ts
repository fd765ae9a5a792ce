/** Turns a graph of tfjs kernels into an ONNX graph: each kernel gives its results a form (see layout.ts). */
import {
  type ConstantNode,
  countUses,
  elementsOf,
  type Graph,
  type KernelName,
  sizeOf,
  type TensorType,
  type ValueId,
  valuesOf,
} from '../ops/index.js';
import { type Builder, createBuilder } from './builder.js';
import {
  type Affine,
  blockedShape,
  type Form,
  fromBlocked,
  type Lowering,
  materialize,
  paddedChannels,
  paddedVector,
  toBlocked,
} from './layout.js';
import { lowerKernel } from './lower/index.js';
import type { OnnxGraph, OnnxNode, OnnxValueInfo } from './proto.js';

/** The lowered graph; its inputs and outputs are in the order of the graph's inputs and results. */
export function lowerGraph(graph: Graph, block: number): OnnxGraph {
  const b = createBuilder();
  const l = createLowering(graph, b, block);
  for (const node of graph.nodes) {
    switch (node.kind) {
      case 'input': {
        const { id, dtype, shape } = node.outputs[0];
        l.set(id, { kind: 'plain', name: b.input(`in${b.inputs.length}`, dtype, shape) });
        break;
      }
      case 'constant':
        l.set(node.outputs[0].id, { kind: 'plain', name: constantName(b, node) });
        break;
      case 'kernel':
        lowerKernel<KernelName>(l, node);
        break;
      default:
        throw new Error(`unknown node ${JSON.stringify(node satisfies never)}`);
    }
  }
  const outputs = outputsOf(graph, b, l);
  return withoutDeadNodes({ nodes: b.nodes, initializers: b.initializers, inputs: b.inputs, outputs });
}

/**
 * Results under the names that nodes gave them; those that are arguments, constants, or returned twice are
 * copied.
 */
function outputsOf({ results }: Graph, b: Builder, l: Lowering): OnnxValueInfo[] {
  const found = results.map((id) => l.plain(id));
  const free = new Set(b.nodes.flatMap((node) => node.outputs));
  return results.map((id, i) => {
    const { dtype: type, shape } = l.typeOf(id);
    if (free.delete(found[i]!)) return { name: found[i]!, type, shape };
    const name = `out${i}`;
    b.nodes.push({ op: 'Identity', domain: '', inputs: [found[i]!], outputs: [name], attributes: {} });
    return { name, type, shape };
  });
}

function createLowering(graph: Graph, b: Builder, block: number): Lowering {
  const values = valuesOf(graph);
  const uses = countUses(graph);
  const forms = new Map<ValueId, Form>();
  const constants = new Map(
    graph.nodes.flatMap((node) =>
      node.kind === 'constant' ? [[node.outputs[0].id, node.data] as const] : [],
    ),
  );
  const typeOf = (id: ValueId): TensorType => values.get(id)!;
  const scalar = (id: ValueId): number | undefined => {
    const data = constants.get(id);
    return data?.length === 1 ? data[0] : undefined;
  };
  const compute = (id: ValueId, affine: Affine): string => {
    const name = materialize(b, affine, blockedShape(typeOf(id).shape, block));
    forms.set(id, { kind: 'blocked', name });
    return name;
  };
  const blocked = (id: ValueId): string => {
    const form = forms.get(id)!;
    if (form.kind === 'affine') return compute(id, form.affine);
    return form.kind === 'blocked' ? form.name : toBlocked(b, form.name, block);
  };
  const lowering: Lowering = {
    b,
    block,
    typeOf,
    scalar,
    blocked,
    uses: (id) => uses.get(id) ?? 0,
    set: (id, form) => forms.set(id, form),
    isBlocked: (id) => forms.get(id)!.kind !== 'plain',
    plain: (id) => {
      const form = forms.get(id)!;
      return form.kind === 'plain' ? form.name : fromBlocked(b, blocked(id), typeOf(id).shape, block);
    },
    affine: (id) => {
      const form = forms.get(id)!;
      const number = scalar(id);
      if (number !== undefined) return { terms: [], offset: number };
      if (form.kind === 'affine' && (lowering.uses(id) === 1 || isCheap(form.affine))) return form.affine;
      return { terms: [{ source: { kind: 'tensor', name: blocked(id) }, scale: 1 }], offset: 0 };
    },
    vector: (id, channels) => {
      const { dtype, shape } = typeOf(id);
      const number = scalar(id);
      if (dtype !== 'float32' || shape.length > 4) return undefined;
      if (number !== undefined) return number;
      const size = sizeOf(shape);
      if (size === 1) {
        const padded = [paddedChannels(channels, block)];
        return b.emit('Expand', [b.reshape(lowering.plain(id), [1]), b.int64s(padded)], { shape: padded });
      }
      if (size !== channels || shape.at(-1) !== channels) return undefined;
      return paddedVector(b, lowering.plain(id), channels, block);
    },
  };
  return lowering;
}

/** One scaled tensor costs the same whether its readers compute it together or each by itself. */
function isCheap({ terms }: Affine): boolean {
  return terms.length === 0 || (terms.length === 1 && terms[0]!.source.kind === 'tensor');
}

/** Fillings are expanded from one element by the engine, not stored. */
function constantName(b: Builder, { data, outputs }: ConstantNode): string {
  const { dtype, shape } = outputs[0];
  const add = { float32: b.floats, int32: b.int32s, bool: b.bools }[dtype];
  if (data.length === 1 && shape.length > 0) {
    return b.emit('Expand', [add(data, []), b.int64s(shape)], { shape, type: dtype });
  }
  return add(elementsOf(data, shape), shape);
}

function withoutDeadNodes(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    node.inputs.forEach((name) => needed.add(name));
    nodes.push(node);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: nodes.reverse(), initializers };
}
