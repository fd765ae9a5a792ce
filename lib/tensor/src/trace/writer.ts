/**
 * Writes a graph anew, from the inputs on. The same kernel on the same values is written once, and a kernel
 * whose inputs are all constants is computed now. A tensor without elements is a constant, whatever it comes
 * from, so that no engine needs to compute with one.
 */
import {
  callOf,
  compacted,
  type ConstantData,
  type ConstantNode,
  evaluate,
  inferTypes,
  type InputNode,
  type KernelNode,
  type Node,
  sizeOf,
  type TensorType,
  type Value,
  type ValueId,
} from '../ops/index.js';
import type { Writer } from './rule.js';

/**
 * Constants are computed up to this many elements; larger ones are cheaper to compute at each call than to
 * store.
 */
const largestFolded = 1 << 20;

export interface GraphWriter extends Writer {
  readonly nodes: readonly Node[];
  /** Writes an input or a constant, unless an equal small constant is there; returns what it is called. */
  readonly keep: (node: InputNode | ConstantNode) => ValueId;
}

/** @param firstId the number of the first new value */
export function createWriter(firstId: ValueId): GraphWriter {
  const nodes: Node[] = [];
  const values = new Map<ValueId, Value>();
  const producers = new Map<ValueId, Node>();
  const written = new Map<string, readonly [ValueId, ...ValueId[]]>();
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
    if (node.kind === 'constant') return node.data;
    return isEmpty(value(id)) ? compacted([], value(id).dtype) : undefined;
  };
  const producer = (id: ValueId): KernelNode | undefined => {
    const node = producers.get(id)!;
    return node.kind === 'kernel' ? node : undefined;
  };
  const isEmpty = ({ shape }: TensorType): boolean => sizeOf(shape) === 0;
  const isSmall = ({ shape }: TensorType): boolean => sizeOf(shape) <= largestFolded;
  const isFoldable = (inputs: readonly ValueId[], types: readonly TensorType[]): boolean =>
    inputs.every((id) => constant(id) !== undefined && isSmall(value(id))) && types.every(isSmall);

  return {
    nodes,
    value,
    constant,
    producer,
    find: (kernel, inputs, attributes) => written.get(keyOf(kernel, inputs, attributes))?.[0],
    run: (kernel, inputs, attributes) => {
      const key = keyOf(kernel, inputs, attributes);
      const before = written.get(key);
      if (before) return before;
      const types = inferTypes(kernel, inputs.map(value), attributes);
      const outputs = types.map(({ dtype, shape }) => ({ dtype, shape, id: next++ }));
      const addConstants = (all: readonly ConstantData[]): void =>
        all.forEach((data, i) => add({ kind: 'constant', data, outputs: [outputs[i]!] }));
      if (types.every(isEmpty)) addConstants(types.map(({ dtype }) => compacted([], dtype)));
      else if (isFoldable(inputs, types)) {
        const operands = inputs.map((id) => ({ type: value(id), data: constant(id)! }));
        addConstants(evaluate(kernel, operands, attributes));
      } else add(callOf(kernel, inputs, attributes, outputs));
      const ids = outputs.map(({ id }) => id) as [ValueId, ...ValueId[]];
      written.set(key, ids);
      return ids;
    },
    keep: (node) => {
      const { id, dtype, shape } = node.outputs[0];
      if (node.kind === 'constant' && node.data.length <= 64) {
        const elements = Array.from(node.data, (x) => (Object.is(x, -0) ? '-0' : x));
        const key = `${dtype} ${shape.join()} ${elements.join()}`;
        const before = constants.get(key);
        if (before !== undefined) return before;
        constants.set(key, id);
      }
      add(node);
      return id;
    },
  };
}

function keyOf(kernel: string, inputs: readonly ValueId[], attributes: object): string {
  // JSON writes every number that is not finite as null, and −0 as 0.
  const exactly = (_: string, value: unknown): unknown =>
    typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
      ? { '*': Object.is(value, -0) ? '-0' : String(value) }
      : value;
  return JSON.stringify([kernel, inputs, attributes], exactly);
}
