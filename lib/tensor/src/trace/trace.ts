/**
 * Tracing: a step is called once, on a tfjs backend that computes nothing. Each kernel that it runs is written
 * down with the shapes of its results; gradients are kernels like all others. Values do not exist while tracing,
 * so a step that asks for one (`dataSync`, `arraySync`, `if` on a value) cannot be compiled and says so.
 *
 * Tensors that the step did not get as arguments are constants, with the values that they have now. So is
 * randomness that tfjs draws in JavaScript (`tf.randomNormal`): give a step its random tensors as arguments.
 */
import { tf } from '../engines/index.js';
import { UserError } from 'oabn-base';
import {
  type Attributes,
  callOf,
  compacted,
  type ConstantData,
  type DType,
  dtypeOf,
  type Graph,
  inferTypes,
  inputsOf,
  isKernelName,
  type KernelName,
  kernelNames,
  type Node,
  type Shape,
  type TensorType,
  type Value,
} from '../ops/index.js';
import { fusedKernels, type Scribe } from './fused.js';
import { flatten } from './tree.js';

const backendName = 'tfjs-native-trace';

export interface Trace {
  readonly graph: Graph;
  /** What the step returned: its structure, with disposed tensors as leaves. */
  readonly result: unknown;
}

/** What the recording backend knows while a step is traced. */
interface Recorder {
  readonly nodes: Node[];
  readonly values: WeakMap<object, Value>;
  /** Tensors of other backends that became constants. */
  readonly constants: WeakMap<object, Value>;
  readonly add: (types: readonly TensorType[], node: (outputs: Value[]) => Node) => Value[];
}

let recorder: Recorder | undefined;

/**
 * The graph of `step(...args)`. Only shapes and dtypes of the tensors in `args` matter.
 * @throws UserError when the step reads a tensor's values or runs a kernel that is not known.
 */
export function trace(step: (...args: never[]) => unknown, args: readonly unknown[]): Trace {
  registerTraceBackend();
  const engine = tf.engine();
  const before = tf.getBackend();
  const variables = Object.values(engine.registeredVariables);
  recorder = createRecorder();
  const { nodes, values } = recorder;
  engine.startScope('trace');
  try {
    void tf.setBackend(backendName);
    const inputs = traceInputs(recorder, args);
    const result = runStep(step, inputs);
    const flat = flatten(result);
    const results = flat.tensors.map((tensor) => valueOf(tensor).id);
    checkVariables(variables, values);
    // A step may have taken its results out of the scope (tf.keep).
    for (const tensor of flat.tensors) if (values.has(tensor.dataId)) tensor.dispose();
    return { graph: { nodes, results }, result };
  } finally {
    void tf.setBackend(before);
    engine.endScope();
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

function runStep(step: (...args: never[]) => unknown, inputs: unknown[]): unknown {
  const result = step(...(inputs as never[]));
  if (result instanceof Promise) {
    // Whatever it rejects with comes from reading values; the error below says what to do.
    result.catch(() => undefined);
    throw new UserError('A compiled step must not be async: return tensors, and read them outside the step');
  }
  return result;
}

/** The arguments with symbolic tensors in place of the given ones. */
function traceInputs(record: Recorder, args: readonly unknown[]): unknown[] {
  const { tensors, paths } = flatten(args);
  const symbols = tensors.map((tensor, i) => {
    const dtype = checkedDtype(tensor.dtype, `the argument "${paths[i]}"`);
    const [value] = record.add([{ dtype, shape: tensor.shape }], (outputs) => ({
      kind: 'input',
      path: paths[i]!,
      outputs: [outputs[0]!],
    }));
    return tensorOf(value!);
  });
  const bySource = new Map(tensors.map((tensor, i) => [tensor, symbols[i]!]));
  const visit = (node: unknown): unknown => {
    if (node instanceof tf.Tensor) return bySource.get(node);
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node === 'object' && node !== null) {
      return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, visit(child)]));
    }
    return node;
  };
  return args.map(visit);
}

function tensorOf(value: Value): tf.Tensor {
  const dataId = newData(value);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...value.shape], dtype: value.dtype });
}

function newData(value: Value): object {
  const dataId = {};
  current().values.set(dataId, value);
  return dataId;
}

function current(): Recorder {
  if (!recorder) throw new Error('a traced tensor was used after the trace ended');
  return recorder;
}

/** The value behind a tensor; tensors from elsewhere become constants. */
function valueOf({ dataId, shape, dtype }: tf.TensorInfo): Value {
  const { values, constants } = current();
  const known = values.get(dataId) ?? constants.get(dataId);
  if (known) return known;
  const data = tf.engine().readSync(dataId) as ConstantData;
  const value = addConstant(data, checkedDtype(dtype, 'a constant'), shape);
  constants.set(dataId, value);
  return value;
}

function checkedDtype(dtype: tf.DataType, what: string): DType {
  const known = dtypeOf(dtype);
  if (!known)
    throw new UserError(`A compiled step works on float32, int32 and bool tensors; ${what} is ${dtype}`);
  return known;
}

/** A variable that was assigned in the step would hold a value that does not exist. */
function checkVariables(variables: readonly tf.Variable[], values: Recorder['values']): void {
  for (const variable of variables) {
    if (values.get(variable.dataId)) {
      throw new UserError(
        `A compiled step must be pure, but it assigns the variable "${variable.name}" (now lost): return the new value instead`,
      );
    }
  }
}

function registerTraceBackend(): void {
  if (tf.findBackendFactory(backendName)) return;
  tf.registerBackend(backendName, () => new TraceBackend(), 0);
  for (const kernelName of kernelNames) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        const names = inputsOf(kernelName);
        const order = names === 'list' ? Object.keys(inputs) : names;
        const operands = order.map((name) => valueOf(inputs[name]!));
        // tfjs hands every kernel the attributes that belong to it, without saying so in types.
        return record(kernelName, operands, { ...attrs } as Attributes[typeof kernelName]);
      },
    });
  }
  for (const [kernelName, fused] of Object.entries(fusedKernels)) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        const given = Object.entries(inputs).filter(([, tensor]) => tensor !== undefined && tensor !== null);
        const operands = Object.fromEntries(given.map(([name, tensor]) => [name, valueOf(tensor!)]));
        return infoOf(fused(scribe, operands, attrs as never));
      },
    });
  }
  // The same value under a new tensor.
  tf.registerKernel({
    kernelName: 'Identity',
    backendName,
    kernelFunc: ({ inputs }) => infoOf(valueOf(inputs['x']!)),
  });
  refuseOtherKernels();
}

function record<K extends KernelName>(
  kernel: K,
  operands: readonly Value[],
  attributes: Attributes[K],
): tf.TensorInfo | tf.TensorInfo[] {
  const infos = addCall(kernel, operands, attributes).map(infoOf);
  return infos.length === 1 ? infos[0]! : infos;
}

function addCall<K extends KernelName>(
  kernel: K,
  operands: readonly Value[],
  attributes: Attributes[K],
): Value[] {
  const inputs = operands.map(({ id }) => id);
  const types = inferTypes(kernel, operands, attributes);
  return current().add(types, (outputs) => callOf(kernel, inputs, attributes, outputs));
}

const scribe: Scribe = {
  call: (kernel, inputs, attributes) => addCall(kernel, inputs, attributes)[0]!,
  number: (value) => addConstant(Float32Array.of(value), 'float32', []),
};

function addConstant(data: ArrayLike<number>, dtype: DType, shape: Shape): Value {
  const [value] = current().add([{ dtype, shape }], (outputs) => ({
    kind: 'constant',
    data: compacted(data, dtype),
    outputs: [outputs[0]!],
  }));
  return value!;
}

function infoOf(value: Value): tf.TensorInfo {
  return { dataId: newData(value), shape: [...value.shape], dtype: value.dtype };
}

/** Kernels of other backends that the compiler does not know: an error that names them. */
function refuseOtherKernels(): void {
  const others = ['cpu', 'wasm', 'webgl', 'webgpu', 'tensorflow'].flatMap((name) =>
    tf.getKernelsForBackend(name),
  );
  for (const kernelName of new Set(others.map((config) => config.kernelName))) {
    if (isKernelName(kernelName) || kernelName in fusedKernels || kernelName === 'Identity') continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: () => {
        throw new UserError(
          `The compiler does not know the kernel ${kernelName}; write the step with other operations, or run it eagerly`,
        );
      },
    });
  }
}

/** Holds no values except those that the step makes from JavaScript numbers. */
class TraceBackend extends tf.KernelBackend {
  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    return newData(addConstant(values as ConstantData, checkedDtype(dtype, 'a constant'), shape));
  }

  override readSync(): never {
    throw new UserError(
      'A compiled step must not read values of tensors (dataSync, arraySync, data, array, print): ' +
        'use tensor operations (tf.where, tf.gather, …), or return the tensor and read it outside the step',
    );
  }

  override read(): never {
    return this.readSync();
  }

  override disposeData(): boolean {
    return true;
  }

  override numDataIds(): number {
    return 0;
  }

  override refCount(): number {
    return 1;
  }

  override incRef(): void {
    // Values are numbers in a list: nothing to count.
  }

  override epsilon(): number {
    return 1e-7;
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override dispose(): void {
    // Holds nothing.
  }
}
