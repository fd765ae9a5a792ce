/** How much memory the tensors and the backend hold. */
import { tf } from './tf.js';
import { heapBytes } from './wasm/memory.js';
import type { BackendWasm } from './wasm/simd.js';

/** How much memory the tensors, the backend and the process hold. */
export interface MemoryUse {
  /** Tensors that have not been disposed of. */
  readonly tensors: number;
  /** Bytes of their data. */
  readonly tensorBytes: number;
  /**
   * Bytes that the backend holds on its device: the wasm heap, or buffers on the GPU, including unused ones.
   */
  readonly deviceBytes?: number;
  /** Bytes of the whole process in main memory. */
  readonly processBytes: number;
}

/** What is in use now. Equal `tensors` before and after a step means that the step leaks none. */
export function memoryUse(): MemoryUse {
  const { numTensors, numBytes, ...more } = tf.memory() as tf.MemoryInfo & {
    numBytesAllocatedInGPU?: number;
  };
  const deviceBytes =
    tf.getBackend() === 'wasm'
      ? heapBytes(tf.backend() as unknown as BackendWasm)
      : more.numBytesAllocatedInGPU;
  return {
    tensors: numTensors,
    tensorBytes: numBytes,
    ...(deviceBytes === undefined ? {} : { deviceBytes }),
    processBytes: process.memoryUsage.rss(),
  };
}
