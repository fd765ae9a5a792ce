/**
 * Running out of wasm memory as an error that names it. tfjs-backend-wasm does not look at what `malloc` returns: at
 * the limit it writes over address 0, and whatever fails later fails obscurely. The limit is 4 GiB, that of 32-bit
 * wasm, or what the machine has.
 */
import { UserError } from '../../base/index.js';
import { type BackendWasm, memoryOf } from './simd.js';

/** Given back when memory runs out, so that tensors can still be disposed of and errors reported. */
const reserveBytes = 16 * 2 ** 20;

interface Heap {
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** Makes every later allocation of `backend` throw a `UserError` when it fails. */
export function guardMemory(backend: BackendWasm): void {
  const heap = backend.wasm as unknown as Heap;
  // The module replaces its own entry at the first call; the export is what it ends up calling.
  const malloc = (backend.wasm as unknown as { asm: { malloc: Heap['_malloc'] } }).asm.malloc;
  let reserve = malloc(reserveBytes);
  heap._malloc = (bytes) => {
    const address = malloc(bytes);
    if (address !== 0 || bytes === 0) return address;
    if (reserve !== 0) heap._free(reserve);
    reserve = 0;
    throw new UserError(outOfMemory(bytes, memoryOf(backend).buffer.byteLength));
  };
}

/** Bytes that the wasm memory has grown to; it never shrinks. */
export const heapBytes = (backend: BackendWasm): number => memoryOf(backend).buffer.byteLength;

function outOfMemory(bytes: number, heap: number): string {
  const mib = (n: number): string => `${Math.ceil(n / 2 ** 20)} MiB`;
  return (
    `Out of wasm memory: ${mib(bytes)} more were needed, ${mib(heap)} are taken (32-bit wasm ends at 4096 MiB). ` +
    'Use a smaller batch or model, dispose of tensors that are kept, or another backend (OABN_BACKEND=webgpu or ' +
    'tensorflow). A run resumes from its last checkpoint.'
  );
}
