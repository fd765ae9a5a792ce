/** An ONNX graph under construction, and the attributes of its nodes. */
import type { OnnxAttribute, OnnxNode, OnnxTensor } from 'tfjs-native/onnx';

/** A graph under construction: every method adds to it and returns the name of what it added. */
export interface Draft {
  readonly nodes: OnnxNode[];
  readonly initializers: Map<string, OnnxTensor>;
  /** Whether engines may convolve in integers. */
  readonly integer: boolean;
  readonly constant: (
    name: string,
    type: OnnxTensor['type'],
    shape: readonly number[],
    data: ArrayBufferView,
  ) => string;
  readonly node: (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes?: Readonly<Record<string, OnnxAttribute>>,
  ) => string;
}

/** A graph without nodes. */
export function createDraft(integer = false): Draft {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  return {
    nodes,
    initializers,
    integer,
    constant(name, type, shape, data) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      initializers.set(name, { type, shape, bytes });
      return name;
    },
    node(op, inputs, output, attributes = {}) {
      nodes.push({ op, domain: '', inputs, outputs: [output], attributes });
      return output;
    },
  };
}

/** A whole number as an attribute. */
export const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
/** Whole numbers as an attribute. */
export const ints = (...value: number[]): OnnxAttribute => ({ kind: 'ints', value });
/** A string as an attribute. */
export const text = (value: string): OnnxAttribute => ({ kind: 'string', value });
