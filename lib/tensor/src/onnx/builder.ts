/**
 * Builds an ONNX graph node by node. Each value has a name, an element type and a static shape; the same node
 * asked for twice is made once, so that callers ask for conversions and small vectors wherever they need
 * them.
 */
import { sizeOf, type Shape } from '../ops/index.js';
import {
  elementTypes,
  type ElementType,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './proto.js';

/** ONNX Runtime's own operators, and those on its blocked layout (see layout.ts). */
const contrib = 'com.microsoft';
export const nchwc = 'com.microsoft.nchwc';
export const opsets: Readonly<Record<string, number>> = { '': 17, [contrib]: 1, [nchwc]: 1 };

export type AttributeValue =
  number | string | readonly number[] | { readonly float: number } | { readonly floats: readonly number[] };

export interface NodeOptions {
  readonly shape: Shape;
  /** Default float32. */
  readonly type?: ElementType;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export interface Builder {
  /** A node with one output; returns the output's name. */
  readonly emit: (op: string, inputs: readonly string[], options: NodeOptions) => string;
  /** A node with several outputs, all of them described. */
  readonly emitMany: (
    op: string,
    inputs: readonly string[],
    outputs: readonly Omit<OnnxValueInfo, 'name'>[],
    attributes?: Readonly<Record<string, AttributeValue>>,
  ) => string[];
  readonly input: (name: string, type: ElementType, shape: Shape) => string;
  readonly floats: (values: ArrayLike<number>, shape?: Shape) => string;
  readonly int64s: (values: readonly number[], shape?: Shape) => string;
  readonly int32s: (values: ArrayLike<number>, shape?: Shape) => string;
  readonly bools: (values: ArrayLike<number>, shape?: Shape) => string;
  readonly shapeOf: (name: string) => Shape;
  readonly typeOf: (name: string) => ElementType;
  /** Row-major reinterpretation; the same name if the shape is the same. */
  readonly reshape: (name: string, shape: Shape) => string;
  readonly transpose: (name: string, permutation: readonly number[]) => string;
  readonly cast: (name: string, type: ElementType) => string;
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  readonly inputs: OnnxValueInfo[];
}

export function createBuilder(): Builder {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs: OnnxValueInfo[] = [];
  const infos = new Map<string, { type: ElementType; shape: Shape }>();
  const known = new Map<string, string[]>();
  let count = 0;

  const emitMany = (
    op: string,
    ins: readonly string[],
    outs: readonly { type: ElementType; shape: Shape }[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = '',
  ): string[] => {
    const key = JSON.stringify([op, domain, ins, attributes, outs]);
    const before = known.get(key);
    if (before) return before;
    const names = outs.map((info) => {
      const name = `v${count++}`;
      infos.set(name, info);
      return name;
    });
    const encoded = Object.entries(attributes).map(([name, value]) => [name, encode(value)] as const);
    nodes.push({ op, domain, inputs: ins, outputs: names, attributes: Object.fromEntries(encoded) });
    known.set(key, names);
    return names;
  };
  const emit: Builder['emit'] = (op, ins, { shape, type = 'float32', domain, attributes }) =>
    emitMany(op, ins, [{ type, shape }], attributes, domain)[0]!;

  const constant = (type: ElementType, shape: Shape, data: ArrayBufferView): string => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = bytes.length <= 1024 ? `constant ${type} ${shape.join()} ${bytes.join()}` : undefined;
    const before = key && known.get(key);
    if (before) return before[0]!;
    const name = `c${count++}`;
    initializers.set(name, { type, shape, bytes });
    infos.set(name, { type, shape });
    if (key) known.set(key, [name]);
    return name;
  };
  const shapeOf = (name: string): Shape => infos.get(name)!.shape;
  const typeOf = (name: string): ElementType => infos.get(name)!.type;
  const int64s: Builder['int64s'] = (values, shape = [values.length]) =>
    constant('int64', shape, BigInt64Array.from(values, BigInt));

  return {
    emit,
    emitMany,
    nodes,
    initializers,
    inputs,
    shapeOf,
    typeOf,
    int64s,
    input: (name, type, shape) => {
      inputs.push({ name, type, shape });
      infos.set(name, { type, shape });
      return name;
    },
    floats: (values, shape = [values.length]) => constant('float32', shape, Float32Array.from(values)),
    int32s: (values, shape = [values.length]) => constant('int32', shape, Int32Array.from(values)),
    bools: (values, shape = [values.length]) => constant('bool', shape, Uint8Array.from(values)),
    reshape: (name, shape) => {
      if (shapeOf(name).join() === shape.join()) return name;
      if (sizeOf(shapeOf(name)) !== sizeOf(shape))
        throw new Error(`cannot reshape ${shapeOf(name)} to ${shape}`);
      // Otherwise 0 stands for the length that the axis had before.
      const attributes: Record<string, number> = shape.includes(0) ? { allowzero: 1 } : {};
      return emit('Reshape', [name, int64s(shape)], { type: typeOf(name), shape, attributes });
    },
    transpose: (name, perm) => {
      if (perm.every((axis, i) => axis === i)) return name;
      const shape = perm.map((axis) => shapeOf(name)[axis]!);
      return emit('Transpose', [name], { type: typeOf(name), shape, attributes: { perm } });
    },
    cast: (name, type) => {
      if (typeOf(name) === type) return name;
      return emit('Cast', [name], { type, shape: shapeOf(name), attributes: { to: elementTypes[type] } });
    },
  };
}

function encode(value: AttributeValue): OnnxAttribute {
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value === 'number') return { kind: 'int', value };
  if ('float' in value) return { kind: 'float', value: value.float };
  if ('floats' in value) return { kind: 'floats', value: value.floats };
  return { kind: 'ints', value };
}
