/**
 * Running out of wasm memory as an error that names it. tfjs-backend-wasm does not check what `malloc`
 * returns, and the limit is 4 GiB, where the 32-bit arithmetic of its allocator wraps around: it then returns
 * addresses beyond the end, and later ones that overlap other tensors. So an allocation that needs more than
 * the memory can grow by is refused before it is tried, and one that goes wrong all the same ends the work.
 */
import { UserError } from 'oabn-base';
import { type BackendWasm, memoryOf } from './simd.js';

const addressSpace = 2 ** 32;
/** What the allocator adds to a request, and rounds it up by. */
const overhead = 2 ** 17;
/** Given back when memory runs out, so that tensors can still be disposed of and errors reported. */
const reserveBytes = 16 * 2 ** 20;

interface Allocator {
  malloc(bytes: number): number;
  free(address: number): void;
}

interface Heap {
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** Makes every later allocation of `backend` throw a `UserError` when it fails. */
export function guardMemory(backend: BackendWasm): void {
  const heap = backend.wasm as unknown as Heap;
  // The module's entries replace themselves at their first call; the exports are what they end up calling.
  const { malloc, free } = (backend.wasm as unknown as { asm: Allocator }).asm;
  const sizes = new Map<number, number>();
  let liveBytes = 0;
  let reserve = malloc(reserveBytes);
  let broken = false;
  const length = (): number => memoryOf(backend).buffer.byteLength;
  const refuse = (bytes: number): never => {
    if (reserve !== 0) free(reserve);
    reserve = 0;
    throw new UserError(outOfMemory(bytes, length()));
  };
  // Live tensors need more than the memory has, so it would have to grow, and cannot.
  const growsTooFar = (bytes: number): boolean =>
    liveBytes + bytes > length() && length() + bytes + overhead > addressSpace;
  heap._malloc = (bytes) => {
    if (broken || growsTooFar(bytes)) refuse(bytes);
    const address = malloc(bytes) >>> 0;
    if (address === 0 && bytes > 0) refuse(bytes);
    if (address + bytes > length()) {
      broken = true;
      refuse(bytes);
    }
    sizes.set(address, bytes);
    liveBytes += bytes;
    return address;
  };
  heap._free = (address) => {
    liveBytes -= sizes.get(address >>> 0) ?? 0;
    sizes.delete(address >>> 0);
    free(address);
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
