/**
 * The bridge between tfjs-backend-wasm and our own SIMD functions: they are instantiated over the backend's
 * memory, so that a tensor is a pointer to both, and nothing is copied.
 *
 * A kernel here is a plain function of its arguments; `replaceKernel` puts it in the place of tfjs's, which
 * stays reachable as `original`, for the cases (int32, bool, rare shapes) that are not worth a second
 * implementation.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { tf } from '../tf.js';
import { assemble, type FunctionSource } from './assembler.js';

export type { BackendWasm };
export type TensorInfo = tf.TensorInfo;
export type DataType = tf.DataType;

/** What a kernel is called with. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly backend: BackendWasm;
}
export type Kernel = (call: KernelCall) => TensorInfo;

/** Our functions by name; all take pointers and counts and write into memory. */
export type SimdFunctions = Readonly<Record<string, (...parameters: number[]) => void>>;

/**
 * The part of the standard `WebAssembly` that is used; its types come with the DOM's, which Node code does
 * not load.
 */
interface Memory {
  readonly buffer: ArrayBuffer;
}
const { Module, Instance } = (
  globalThis as unknown as {
    WebAssembly: {
      Module: new (bytes: Uint8Array) => object;
      Instance: new (module: object, imports: { env: { memory: Memory } }) => { exports: SimdFunctions };
    };
  }
).WebAssembly;

/** `functions`, assembled at their first use and once for each backend's memory. */
export function simdModule(functions: () => FunctionSource[]): (backend: BackendWasm) => SimdFunctions {
  const instances = new WeakMap<BackendWasm, SimdFunctions>();
  return (backend) => {
    const known = instances.get(backend);
    if (known) return known;
    const module = new Module(assemble(functions()));
    const { exports } = new Instance(module, { env: { memory: memoryOf(backend) } });
    instances.set(backend, exports);
    return exports;
  };
}

/**
 * The backend's memory. It only ever grows, so views of it (`floats`, …) must not be kept across allocations.
 */
export function memoryOf(backend: BackendWasm): Memory {
  return (backend.wasm as unknown as { asm: { memory: Memory } }).asm.memory;
}

/** The byte address of a tensor's first element. */
export const addressOf = (backend: BackendWasm, tensor: TensorInfo): number =>
  backend.getMemoryOffset(tensor.dataId);

/** A new tensor with undefined content. */
export const allocate = (backend: BackendWasm, shape: readonly number[], dtype: DataType): TensorInfo =>
  backend.makeOutput([...shape], dtype);

/** The elements of a float32 tensor, valid until the next allocation. */
export const floats = (backend: BackendWasm, tensor: TensorInfo): Float32Array =>
  backend.typedArrayFromHeap(tensor) as Float32Array;

/** The elements of an int32 tensor, valid until the next allocation. */
export const integers = (backend: BackendWasm, tensor: TensorInfo): Int32Array =>
  backend.typedArrayFromHeap(tensor) as Int32Array;

export const release = (backend: BackendWasm, ...tensors: TensorInfo[]): void => {
  for (const tensor of tensors) backend.disposeData(tensor.dataId);
};

/** The same data under another shape: another reference, to be released on its own. */
export function reshaped(backend: BackendWasm, tensor: TensorInfo, shape: readonly number[]): TensorInfo {
  backend.incRef(tensor.dataId);
  return { dataId: tensor.dataId, shape: [...shape], dtype: tensor.dtype };
}

/** Calls the kernel that is registered now under `name`. */
export function callKernel(
  name: string,
  backend: BackendWasm,
  inputs: Record<string, TensorInfo>,
  attrs: Record<string, unknown> = {},
): TensorInfo {
  const kernel = tf.getKernel(name, 'wasm');
  return kernel.kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend }) as TensorInfo;
}

/**
 * Registers `make(original)` as the wasm kernel `name`. `original` is tfjs's own kernel; it throws when tfjs
 * has none.
 */
export function replaceKernel(name: string, make: (original: Kernel) => Kernel): void {
  const old = (tf.getKernelsForBackend('wasm') ?? []).find((kernel) => kernel.kernelName === name);
  const original: Kernel = (call) => {
    if (!old) throw new Error(`tfjs-backend-wasm has no kernel ${name} for this case`);
    return old.kernelFunc(call as unknown as Parameters<tf.KernelFunc>[0]) as TensorInfo;
  };
  if (old) tf.unregisterKernel(name, 'wasm');
  tf.registerKernel({
    kernelName: name,
    backendName: 'wasm',
    kernelFunc: make(original) as unknown as tf.KernelFunc,
  });
}
