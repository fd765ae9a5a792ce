/**
 * The intermediate form: what one call of a step computed, as a list of tfjs kernels in an order that can be
 * executed. Shapes are static. A value is written once, by the node that produces it, and named by its number.
 *
 *     %0 = input "0.images" float32[128,32,32,3]
 *     %1 = constant float32[3,3,3,16]
 *     %2 = Conv2D(%0, %1) {"strides":[1,1],"pad":1} float32[128,32,32,16]
 *     return %2
 *
 * Numbers are tfjs's own kernels (`Conv2D`, `Multiply`, …), in tfjs's layouts: activations [N,H,W,C], convolution
 * kernels [H,W,in,out].
 */
import type { tf } from '../engines/index.js';

/** What a compiled step can hold. */
export type DType = 'float32' | 'int32' | 'bool';
export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** The number of a value. */
export type ValueId = number;

export interface Value extends TensorType {
  readonly id: ValueId;
}

/** Elements of a constant; one element stands for a tensor that is filled with it. */
export type ConstantData = Float32Array | Int32Array | Uint8Array;

export type KernelAttributes = Readonly<Record<string, unknown>>;

export type Node =
  | { readonly kind: 'input'; readonly path: string; readonly outputs: readonly [Value] }
  | { readonly kind: 'constant'; readonly data: ConstantData; readonly outputs: readonly [Value] }
  | {
      readonly kind: 'kernel';
      readonly kernel: string;
      readonly inputs: readonly ValueId[];
      readonly attributes: KernelAttributes;
      readonly outputs: readonly Value[];
    };

export type KernelNode = Extract<Node, { kind: 'kernel' }>;

export interface Graph {
  readonly nodes: readonly Node[];
  /** The values that the step returns, in the order of the leaves of its result. */
  readonly results: readonly ValueId[];
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((size, n) => size * n, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** The dtype of a tfjs tensor, or undefined for the ones that no step can hold (string, complex64). */
export function dtypeOf(dtype: tf.DataType): DType | undefined {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool' ? dtype : undefined;
}

/** Every value of the graph by its number. */
export function valuesOf(graph: Graph): Map<ValueId, Value> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value.id, value] as const)));
}

/** All elements of a constant, with a filling written out. */
export function elementsOf(data: ConstantData, shape: Shape): ConstantData {
  const size = sizeOf(shape);
  if (data.length === size) return data;
  if (data instanceof Float32Array) return new Float32Array(size).fill(data[0]!);
  if (data instanceof Int32Array) return new Int32Array(size).fill(data[0]!);
  return new Uint8Array(size).fill(data[0]!);
}

/** The graph as text, one node a line. */
export function printGraph(graph: Graph): string {
  const lines = graph.nodes.map((node) => {
    const names = node.outputs.map((value) => `%${value.id}`).join(', ');
    const types = node.outputs.map((value) => `${value.dtype}[${value.shape.join(',')}]`).join(', ');
    return `${names} = ${printBody(node)} ${types}`;
  });
  return [...lines, `return ${graph.results.map((id) => `%${id}`).join(', ')}`].join('\n');
}

function printBody(node: Node): string {
  switch (node.kind) {
    case 'input':
      return `input "${node.path}"`;
    case 'constant':
      return node.data.length <= 4 ? `constant {${node.data.join(', ')}}` : 'constant';
    case 'kernel': {
      const attributes = Object.keys(node.attributes).length > 0 ? ` ${JSON.stringify(node.attributes)}` : '';
      return `${node.kernel}(${node.inputs.map((id) => `%${id}`).join(', ')})${attributes}`;
    }
    default:
      throw new Error(`unknown node ${JSON.stringify(node satisfies never)}`);
  }
}
