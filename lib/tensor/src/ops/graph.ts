/**
 * The intermediate form: what one call of a step computed, as a list of tfjs kernels in an order that can be
 * executed. Shapes are static. A value is written once, by the node that produces it, and named by its
 * number.
 *
 *     %0 = input "0.images" float32[128,32,32,3]
 *     %1 = constant float32[3,3,3,16]
 *     %2 = Conv2D(%0, %1) {"strides":[1,1],"pad":1} float32[128,32,32,16]
 *     return %2
 *
 * Numbers are tfjs's own kernels (`Conv2D`, `Multiply`, …), in tfjs's layouts: activations [N,H,W,C],
 * convolution kernels [H,W,in,out].
 */
import type { Attributes, KernelName } from './attributes.js';
import type { ConstantData, TensorType } from './types.js';

/** The number of a value. */
export type ValueId = number;

export interface Value extends TensorType {
  readonly id: ValueId;
}

export interface InputNode {
  readonly kind: 'input';
  /** Where it is among the arguments, such as `0.params.fc`. */
  readonly path: string;
  readonly outputs: readonly [Value];
}

export interface ConstantNode {
  readonly kind: 'constant';
  readonly data: ConstantData;
  readonly outputs: readonly [Value];
}

/** A call of the kernel K. */
export interface KernelCall<K extends KernelName> {
  readonly kind: 'kernel';
  readonly kernel: K;
  readonly inputs: readonly ValueId[];
  readonly attributes: Attributes[K];
  readonly outputs: readonly Value[];
}

/** A call of any kernel: the kernel's name determines its attributes. */
export type KernelNode = { readonly [K in KernelName]: KernelCall<K> }[KernelName];

export type Node = InputNode | ConstantNode | KernelNode;

export interface Graph {
  readonly nodes: readonly Node[];
  /** The values that the step returns, in the order of the leaves of its result. */
  readonly results: readonly ValueId[];
}

/** A call of `kernel`. */
export function callOf<K extends KernelName>(
  kernel: K,
  inputs: readonly ValueId[],
  attributes: Attributes[K],
  outputs: readonly Value[],
): KernelNode {
  // The compiler cannot see that a call of one of the kernels is a call of one of the kernels.
  const call: KernelCall<K> = { kind: 'kernel', kernel, inputs, attributes, outputs };
  return call as unknown as KernelNode;
}

/** Every value of the graph by its number. */
export function valuesOf(graph: Graph): Map<ValueId, Value> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value.id, value] as const)));
}

/** The first number that no value has. */
export function nextId({ nodes }: Graph): ValueId {
  return 1 + Math.max(-1, ...nodes.flatMap(({ outputs }) => outputs.map(({ id }) => id)));
}

/** How many kernels read each value, and how many results return it. */
export function countUses({ nodes, results }: Graph): Map<ValueId, number> {
  const uses = new Map<ValueId, number>();
  const count = (id: ValueId): void => void uses.set(id, (uses.get(id) ?? 0) + 1);
  for (const node of nodes) if (node.kind === 'kernel') node.inputs.forEach(count);
  results.forEach(count);
  return uses;
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
