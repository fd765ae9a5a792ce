/** The graph that is being traced: calls and constants are added to it, and tensors stand for its values. */
import { UserError } from 'oabn-base';
import { tf } from '../engines/index.js';
import {
  type Attributes,
  callOf,
  compacted,
  type ConstantData,
  type DType,
  dtypeOf,
  inferTypes,
  type KernelName,
  type Node,
  type Shape,
  type TensorType,
  type Value,
} from '../ops/index.js';

/** What is known while a step is traced. */
export interface Recorder {
  readonly nodes: Node[];
  readonly values: WeakMap<object, Value>;
  /** Tensors of other backends that became constants: by their data, and by how they show it. */
  readonly constants: WeakMap<object, Map<string, Value>>;
  readonly add: (types: readonly TensorType[], node: (outputs: Value[]) => Node) => Value[];
}

let recorder: Recorder | undefined;

/** Records what `work` runs; only one recording at a time. */
export function recording<T>(work: (recorder: Recorder) => T): T {
  recorder = createRecorder();
  try {
    return work(recorder);
  } finally {
    recorder = undefined;
  }
}

function createRecorder(): Recorder {
  const nodes: Node[] = [];
  let count = 0;
  return {
    nodes,
    values: new WeakMap(),
    constants: new WeakMap(),
    add: (types, node) => {
      const outputs = types.map(({ dtype, shape }) => ({ id: count++, dtype, shape: [...shape] }));
      nodes.push(node(outputs));
      return outputs;
    },
  };
}

function current(): Recorder {
  if (!recorder) throw new Error('a traced tensor was used after the trace ended');
  return recorder;
}

/** Writes a call of a kernel. */
export function addCall<K extends KernelName>(
  kernel: K,
  operands: readonly Value[],
  attributes: Attributes[K],
): Value[] {
  const inputs = operands.map(({ id }) => id);
  const types = inferTypes(kernel, operands, attributes);
  return current().add(types, (outputs) => callOf(kernel, inputs, attributes, outputs));
}

export function addConstant(data: ArrayLike<number>, dtype: DType, shape: Shape): Value {
  const [value] = current().add([{ dtype, shape }], (outputs) => ({
    kind: 'constant',
    data: compacted(data, dtype),
    outputs: [outputs[0]!],
  }));
  return value!;
}

/** The value behind a tensor; tensors from elsewhere become constants. */
export function valueOf({ dataId, shape, dtype }: tf.TensorInfo): Value {
  const { values, constants } = current();
  const traced = values.get(dataId);
  if (traced) return traced;
  // tfjs reshapes, and on some backends casts, without a copy: one data, several tensors.
  const views = constants.get(dataId) ?? new Map<string, Value>();
  constants.set(dataId, views);
  const type = `${dtype} ${shape.join()}`;
  const known = views.get(type);
  if (known) return known;
  const data = tf.engine().readSync(dataId) as ConstantData;
  const value = addConstant(data, checkedDtype(dtype, 'a constant'), shape);
  views.set(type, value);
  return value;
}

/** Data that stands for a value. */
export function newData(value: Value): object {
  const dataId = {};
  current().values.set(dataId, value);
  return dataId;
}

/** A tensor that stands for a value. */
export function infoOf(value: Value): tf.TensorInfo {
  return { dataId: newData(value), shape: [...value.shape], dtype: value.dtype };
}

/** @throws UserError for a dtype that no step can hold; `what` has it */
export function checkedDtype(dtype: tf.DataType, what: string): DType {
  const known = dtypeOf(dtype);
  if (!known)
    throw new UserError(`A compiled step works on float32, int32 and bool tensors; ${what} is ${dtype}`);
  return known;
}
