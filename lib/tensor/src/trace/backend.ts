/** The tfjs backend that computes nothing: each of its kernels is recorded. */
import { UserError } from 'oabn-base';
import { tf } from '../engines/index.js';
import {
  type Attributes,
  type ConstantData,
  type DType,
  inferTypes,
  inputsOf,
  isKernelName,
  type KernelName,
  kernelNames,
  type Value,
} from '../ops/index.js';
import { casting } from './dtypes.js';
import { fusedKernels, type Scribe } from './fused.js';
import { addCall, addConstant, checkedDtype, infoOf, newData, valueOf } from './recorder.js';

export const traceBackend = 'tfjs-native-trace';

/** Registers the backend and its kernels, once. */
export function registerTraceBackend(): void {
  if (tf.findBackendFactory(traceBackend)) return;
  tf.registerBackend(traceBackend, () => new TraceBackend(), 0);
  for (const kernelName of kernelNames) {
    tf.registerKernel({
      kernelName,
      backendName: traceBackend,
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
      backendName: traceBackend,
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
    backendName: traceBackend,
    kernelFunc: ({ inputs }) => infoOf(valueOf(inputs['x']!)),
  });
  refuseOtherKernels();
}

function record<K extends KernelName>(
  kernel: K,
  operands: readonly Value[],
  attributes: Attributes[K],
): tf.TensorInfo | tf.TensorInfo[] {
  const infos = callAsTfjs(kernel, operands, attributes).map(infoOf);
  return infos.length === 1 ? infos[0]! : infos;
}

function callAsTfjs<K extends KernelName>(
  kernel: K,
  operands: readonly Value[],
  attributes: Attributes[K],
): readonly Value[] {
  const casts = casting(kernel, operands);
  if (!casts) return addCall(kernel, operands, attributes);
  const cast = (value: Value, dtype: DType): Value =>
    value.dtype === dtype ? value : addCall('Cast', [value], { dtype })[0]!;
  const [type] = inferTypes(kernel, operands, attributes);
  const [result] = addCall(
    kernel,
    operands.map((value) => cast(value, casts.operands)),
    attributes,
  );
  return [cast(result!, casts.result ?? type!.dtype)];
}

const scribe: Scribe = {
  call: (kernel, inputs, attributes) => addCall(kernel, inputs, attributes)[0]!,
  number: (value) => addConstant(Float32Array.of(value), 'float32', []),
};

/** Kernels of other backends that the compiler does not know: an error that names them. */
function refuseOtherKernels(): void {
  const others = ['cpu', 'wasm', 'webgl', 'webgpu', 'tensorflow'].flatMap((name) =>
    tf.getKernelsForBackend(name),
  );
  for (const kernelName of new Set(others.map((config) => config.kernelName))) {
    if (isKernelName(kernelName) || kernelName in fusedKernels || kernelName === 'Identity') continue;
    tf.registerKernel({
      kernelName,
      backendName: traceBackend,
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
  /** Of data that a variable shares with the tensor assigned to it; other data has one. */
  readonly #references = new WeakMap<object, number>();

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

  override disposeData(dataId: object): boolean {
    const left = this.refCount(dataId) - 1;
    this.#references.set(dataId, left);
    return left <= 0;
  }

  override numDataIds(): number {
    return 0;
  }

  override refCount(dataId: object): number {
    return this.#references.get(dataId) ?? 1;
  }

  override incRef(dataId: object): void {
    this.#references.set(dataId, this.refCount(dataId) + 1);
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
