/**
 * Where the results of compiled steps live: a tfjs backend without kernels, whose tensors are typed arrays
 * that the engine writes and reads in place. The next call of a step gets them back without a copy. Anything
 * else works as usual: `data()` reads a copy, and an eager operation moves the tensor to the active backend.
 *
 * Arrays of disposed tensors are reused for later results of the same size, so a training loop that disposes
 * its old state runs in constant memory.
 */
import { tf } from '../engines/index.js';
import { type ConstantData, type DType, type Shape, sizeOf } from '../ops/index.js';

const backendName = 'tfjs-native';

interface Entry {
  readonly data: ConstantData;
  references: number;
}

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

const entries = new WeakMap<object, Entry>();
/** Free arrays by dtype and size. */
const free = new Map<string, ConstantData[]>();
let count = 0;
let bytes = 0;

/** An array of `shape`'s size with arbitrary content, from a disposed tensor if there is one. */
export function takeBuffer(dtype: DType, shape: Shape): ConstantData {
  const size = sizeOf(shape);
  const again = free.get(`${dtype} ${size}`)?.pop();
  if (again) return again;
  return new arrays[dtype](size);
}

/** A tensor that owns `data`. */
export function nativeTensor(data: ConstantData, dtype: DType, shape: Shape): tf.Tensor {
  const backend = nativeBackend();
  const dataId = {};
  addEntry(dataId, data, 1);
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype }, backend);
}

/** The elements of any tensor; without a copy if it is native. They must not be changed. */
export function elementsOfTensor(tensor: tf.Tensor): ConstantData {
  const native = entries.get(tensor.dataId);
  if (native) return native.data;
  const data = tf.engine().readSync(tensor.dataId) as ConstantData;
  // Not always in the array of its dtype: tfjs's backend in plain JavaScript casts int32 to float32 by name only.
  const Elements = arrays[tensor.dtype as DType];
  return data instanceof Elements ? data : Elements.from(data);
}

/** How many tensors and bytes live here, and how many bytes wait to be reused. */
export function nativeMemory(): { tensors: number; bytes: number; freeBytes: number } {
  const waiting = [...free.values()].flat().reduce((sum, data) => sum + data.byteLength, 0);
  return { tensors: count, bytes, freeBytes: waiting };
}

/** Frees all arrays that wait to be reused. */
export function releaseFreeBuffers(): void {
  free.clear();
}

function nativeBackend(): tf.KernelBackend {
  if (!tf.findBackendFactory(backendName)) tf.registerBackend(backendName, () => new NativeBackend(), 0);
  return tf.findBackend(backendName) as tf.KernelBackend;
}

function addEntry(dataId: object, data: ConstantData, references: number): void {
  entries.set(dataId, { data, references });
  count++;
  bytes += data.byteLength;
}

class NativeBackend extends tf.KernelBackend {
  override write(values: tf.backend_util.BackendValues): object {
    const dataId = {};
    addEntry(dataId, values as ConstantData, 1);
    return dataId;
  }

  override move(
    dataId: object,
    values: tf.backend_util.BackendValues,
    _shape: number[],
    _dtype: tf.DataType,
    references: number,
  ): void {
    addEntry(dataId, values as ConstantData, references);
  }

  /** A copy, because the array itself will be reused. */
  override readSync(dataId: object): ConstantData {
    return entries.get(dataId)!.data.slice();
  }

  override read(dataId: object): Promise<ConstantData> {
    return Promise.resolve(this.readSync(dataId));
  }

  override disposeData(dataId: object, force = false): boolean {
    const entry = entries.get(dataId);
    if (!entry) return true;
    entry.references--;
    if (!force && entry.references > 0) return false;
    entries.delete(dataId);
    count--;
    bytes -= entry.data.byteLength;
    recycle(entry.data);
    return true;
  }

  override refCount(dataId: object): number {
    return entries.get(dataId)?.references ?? 0;
  }

  override incRef(dataId: object): void {
    entries.get(dataId)!.references++;
  }

  override numDataIds(): number {
    return count;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
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
    releaseFreeBuffers();
  }
}

function recycle(data: ConstantData): void {
  const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'bool';
  const key = `${dtype} ${data.length}`;
  const list = free.get(key);
  if (list) list.push(data);
  else free.set(key, [data]);
}
