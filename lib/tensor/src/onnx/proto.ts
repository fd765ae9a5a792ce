/**
 * The part of ONNX's file format that a compiled step needs, written by hand: protocol buffers take a few
 * lines when they are only written. A message is a list of fields; a field is its number, its wire type (0:
 * variable length integer, 2: bytes with their length, 5: four bytes) and its content. The numbers are those
 * of `onnx.proto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), named next to each.
 */

/** Element types, as `TensorProto.DataType` numbers them. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  int4: 22,
} as const;
/** The types of elements that can be written. */
export type ElementType = keyof typeof elementTypes;

/** A constant. */
export interface OnnxTensor {
  /** The type of its elements. */
  readonly type: ElementType;
  /** The lengths of its axes. */
  readonly shape: readonly number[];
  /** The elements, little endian, row-major; two int4 a byte, the first in the lower half. */
  readonly bytes: Uint8Array;
}

/** An attribute is an integer (`i`), a float (`f`), a string, or a list of integers or of floats. */
export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] };

/** One operator with its inputs and outputs by name. */
export interface OnnxNode {
  /** The name of the operator, such as `Conv`. */
  readonly op: string;
  /** '' is ONNX's own operators. */
  readonly domain: string;
  /** Names; '' leaves an optional input out. */
  readonly inputs: readonly string[];
  /** The names of its results. */
  readonly outputs: readonly string[];
  /** Name → value. */
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** An input or an output of a graph. */
export interface OnnxValueInfo {
  /** Its name in the graph. */
  readonly name: string;
  /** The type of its elements. */
  readonly type: ElementType;
  /** The lengths of its axes; those in `free` do not count. */
  readonly shape: readonly number[];
  /** Axis → name of those sizes that are not fixed. */
  readonly free?: Readonly<Record<number, string>>;
}

/** A graph: nodes in an order that can be executed, and the constants that they read. */
export interface OnnxGraph {
  /** The operators. */
  readonly nodes: readonly OnnxNode[];
  /** Name → constant. */
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** What a caller gives. */
  readonly inputs: readonly OnnxValueInfo[];
  /** What a caller gets. */
  readonly outputs: readonly OnnxValueInfo[];
}

/** What a model file contains besides its graph. */
export interface ModelOptions {
  /** Version of the file format; default 9. Operator set 21 needs 10. */
  readonly irVersion?: number;
  /** Who made the file; default `tfjs-native`. */
  readonly producer?: string;
  /** The graph's name; default `step`. */
  readonly name?: string;
  /** Name → text; default none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The bytes of a model file with this one graph; `opsets` maps each domain to the version it uses. */
export function encodeModel(
  graph: OnnxGraph,
  opsets: Readonly<Record<string, number>>,
  { irVersion = 9, producer = 'tfjs-native', name = 'step', metadata = {} }: ModelOptions = {},
): Uint8Array {
  const imports = Object.entries(opsets).map(([domain, version]) =>
    bytesField(8, concat([textField(1, domain), intField(2, version)])),
  );
  const notes = Object.entries(metadata).map(([key, value]) =>
    bytesField(14, concat([textField(1, key), textField(2, value)])),
  );
  return concat([
    intField(1, irVersion),
    textField(2, producer),
    bytesField(7, encodeGraph(graph, name)),
    ...imports,
    ...notes,
  ]);
}

function encodeGraph({ nodes, initializers, inputs, outputs }: OnnxGraph, name: string): Uint8Array {
  return concat([
    ...nodes.map((node, i) => bytesField(1, encodeNode(node, `${node.op}_${i}`))),
    textField(2, name),
    ...[...initializers].map(([name, tensor]) => bytesField(5, encodeTensor(name, tensor))),
    ...inputs.map((info) => bytesField(11, encodeValueInfo(info))),
    ...outputs.map((info) => bytesField(12, encodeValueInfo(info))),
  ]);
}

function encodeNode({ op, domain, inputs, outputs, attributes }: OnnxNode, name: string): Uint8Array {
  return concat([
    ...inputs.map((input) => textField(1, input)),
    ...outputs.map((output) => textField(2, output)),
    textField(3, name),
    textField(4, op),
    ...Object.entries(attributes).map(([key, value]) => bytesField(5, encodeAttribute(key, value))),
    textField(7, domain),
  ]);
}

/** Field 20 repeats which of the value fields is used: `AttributeProto.AttributeType`. */
function encodeAttribute(name: string, attribute: OnnxAttribute): Uint8Array {
  const key = textField(1, name);
  switch (attribute.kind) {
    case 'float':
      return concat([key, floatField(2, attribute.value), intField(20, 1)]);
    case 'int':
      return concat([key, intField(3, attribute.value), intField(20, 2)]);
    case 'string':
      return concat([key, textField(4, attribute.value), intField(20, 3)]);
    case 'ints':
      return concat([key, ...attribute.value.map((value) => intField(8, value)), intField(20, 7)]);
    case 'floats':
      return concat([key, ...attribute.value.map((value) => floatField(7, value)), intField(20, 6)]);
    default:
      throw new Error(`unknown attribute ${JSON.stringify(attribute satisfies never)}`);
  }
}

function encodeTensor(name: string, { type, shape, bytes }: OnnxTensor): Uint8Array {
  const dims = shape.map((size) => intField(1, size));
  return concat([...dims, intField(2, elementTypes[type]), textField(8, name), bytesField(9, bytes)]);
}

function encodeValueInfo({ name, type, shape, free = {} }: OnnxValueInfo): Uint8Array {
  const dims = shape.map((size, axis) =>
    bytesField(1, free[axis] === undefined ? intField(1, size) : textField(2, free[axis])),
  );
  const tensorType = concat([intField(1, elementTypes[type]), bytesField(2, concat(dims))]);
  return concat([textField(1, name), bytesField(2, bytesField(1, tensorType))]);
}

const encoder = new TextEncoder();

function textField(field: number, text: string): Uint8Array {
  return bytesField(field, encoder.encode(text));
}

function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

/** Negative numbers are written as 64-bit two's complement, ten bytes long. */
function intField(field: number, value: number): Uint8Array {
  return concat([varint(field << 3), varint(value)]);
}

function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([varint((field << 3) | 5), bytes]);
}

function varint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
