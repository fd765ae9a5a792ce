/**
 * Tensors of tfjs's WebGPU backend as buffers, and buffers as tensors. An argument is used where it lies; a
 * result is a buffer of ours that tfjs treats as its own, and that comes back when the tensor is disposed of.
 */
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { tf } from '../engines/index.js';
import type { DType, Shape } from '../ops/index.js';

/** The WebGPU backend, which must be registered. */
export function webgpuBackend(): WebGPUBackend {
  return tf.findBackend('webgpu') as unknown as WebGPUBackend;
}

/** The buffer of a tensor, which is brought to the GPU if it is not there. It must not be written. */
export function bufferOfTensor(backend: WebGPUBackend, { dataId }: tf.Tensor): GPUBuffer {
  if (!backend.tensorMap.has(dataId)) {
    const engine = tf.engine() as unknown as { moveData(backend: unknown, dataId: object): void };
    engine.moveData(backend, dataId);
  }
  upload(backend, dataId);
  return backend.tensorMap.get(dataId).resource as GPUBuffer;
}

/**
 * What `backend.uploadToGPU` does, without a new staging buffer for each tensor: such buffers are destroyed
 * at once, but what the driver keeps of them waits for V8's collector, and a training loop uploads a batch in
 * each step.
 */
function upload(backend: WebGPUBackend, dataId: object): void {
  const data = backend.tensorMap.get(dataId);
  const { values, dtype } = data;
  const isPlain = dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
  if (data.resource || !values || values.length === 0 || !isPlain) return backend.uploadToGPU(dataId);
  const Elements = dtype === 'float32' ? Float32Array : Int32Array;
  // What has the type already is not copied: a batch of images is several megabytes.
  const given = values as unknown as Float32Array<ArrayBuffer>;
  const elements = values instanceof Elements ? given : new Elements(given);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = backend.bufferManager.acquireBuffer(elements.byteLength, usage) as GPUBuffer;
  backend.queue.writeBuffer(buffer, 0, elements);
  data.resource = buffer;
  // As in tfjs: what is on the GPU is not kept here too.
  data.values = null as never;
}

/**
 * Ends and submits what tfjs has recorded but not yet handed to the device. What it releases after that,
 * buffers among them, no recorded command uses any more.
 */
export function submitPending(backend: WebGPUBackend): void {
  if (!(backend as unknown as { commandEncoder: unknown }).commandEncoder) return;
  backend.endComputePassEncoder();
  backend.submitQueue();
}

const owners = new WeakMap<GPUBuffer, (buffer: GPUBuffer) => void>();

/** A tensor of a buffer that goes to `released` when the tensor is disposed of. */
export function tensorOfBuffer(
  backend: WebGPUBackend,
  buffer: GPUBuffer,
  { dtype, shape }: { readonly dtype: DType; readonly shape: Shape },
  released: (buffer: GPUBuffer) => void,
): tf.Tensor {
  watchReleases(backend);
  owners.set(buffer, released);
  const tensor = backend.createTensorFromGPUData({ buffer, zeroCopy: true }, [...shape], dtype);
  // tfjs says nothing when it lets go of an external buffer; of its own it tells the buffer manager.
  backend.tensorMap.get(tensor.dataId).external = false;
  backend.bufferManager.numBytesUsed += buffer.size;
  return tensor as tf.Tensor;
}

const watched = new WeakSet<object>();

function watchReleases({ bufferManager }: WebGPUBackend): void {
  if (watched.has(bufferManager)) return;
  watched.add(bufferManager);
  const release = bufferManager.releaseBuffer.bind(bufferManager);
  bufferManager.releaseBuffer = (buffer, reuse) => {
    const owner = owners.get(buffer);
    if (!owner) return release(buffer, reuse);
    owners.delete(buffer);
    bufferManager.numBytesUsed -= buffer.size;
    owner(buffer);
  };
}
