/** What the compiler knows about one tfjs kernel: its tensors, what shape it gives, and how it is lowered. */
import { tf } from '../engines/index.js';
import type { KernelAttributes, KernelNode, Shape, TensorType } from '../trace/ir.js';
import type { Lowering } from '../onnx/layout.js';

export interface Kernel {
  /** The names of the tensors it reads, in the order that `infer` and `lower` see; `list` for any number. */
  readonly inputs: readonly string[] | 'list';
  /** The types of its results. Called while tracing, so it is also where a shape error is found. */
  readonly infer: (inputs: readonly TensorType[], attributes: KernelAttributes) => readonly TensorType[];
  /** Gives each of the node's outputs a form. */
  readonly lower: (l: Lowering, node: KernelNode) => void;
}

export type Kernels = Readonly<Record<string, Kernel>>;

/** A kernel of one result that is lowered in tfjs's own layout, from names to a name. */
export function plainKernel(
  inputs: Kernel['inputs'],
  infer: (inputs: readonly TensorType[], attributes: KernelAttributes) => TensorType,
  lower: (l: Lowering, names: readonly string[], type: TensorType, attributes: KernelAttributes) => string,
): Kernel {
  return {
    inputs,
    infer: (types, attributes) => [infer(types, attributes)],
    lower: (l, node) => {
      const [value] = node.outputs;
      const names = node.inputs.map((id) => l.plain(id));
      l.set(value!.id, { kind: 'plain', name: lower(l, names, value!, node.attributes) });
    },
  };
}

/** The shape of two tensors broadcast against each other. */
export function broadcastShape(a: Shape, b: Shape): Shape {
  return tf.backend_util.assertAndGetBroadcastShape([...a], [...b]);
}

/** An axis attribute (a number, a list, or nothing for all axes) as axes counted from the front. */
export function axesOf(axis: unknown, rank: number): number[] {
  const list = axis === undefined || axis === null ? undefined : [axis].flat().map(Number);
  if (!list) return Array.from({ length: rank }, (_, i) => i);
  return list.map((i) => (i < 0 ? i + rank : i)).sort((x, y) => x - y);
}

export function axisOf(axis: unknown, rank: number): number {
  const index = Number(axis ?? 0);
  return index < 0 ? index + rank : index;
}
