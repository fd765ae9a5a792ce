/** Starts the wasm backend: tfjs-backend-wasm with SIMD, our kernels, and readable errors. */
import { tf } from '../tf.js';
import { completeWasmKernels } from './index.js';
import { guardMemory } from './memory.js';
import type { BackendWasm } from './simd.js';

/** Makes 'wasm' the backend of tfjs. @throws when this Node has no wasm SIMD or the module does not load */
export async function startWasm(): Promise<void> {
  await withoutNewProcessListeners(async () => {
    await import('@tensorflow/tfjs-backend-wasm');
    if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')))
      throw new Error('this Node has no WebAssembly SIMD');
    if (!(await tf.setBackend('wasm'))) throw new Error('tfjs-backend-wasm did not start');
  });
  if (completeWasmKernels()) guardMemory(tf.backend() as unknown as BackendWasm);
}

/**
 * Emscripten's start-up code makes every uncaught error print its own source, a line of 60,000 characters, in
 * front of the message: it adds listeners that throw the error again. Those that were there before are kept.
 */
async function withoutNewProcessListeners(work: () => Promise<void>): Promise<void> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set(process.rawListeners(event)));
  await work();
  events.forEach((event, i) => {
    for (const listener of process.rawListeners(event)) {
      if (!before[i]!.has(listener)) process.removeListener(event, listener as (...args: unknown[]) => void);
    }
  });
}
