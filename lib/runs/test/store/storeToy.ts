/**
 * The toy computation of the store's tests: chaotic, so that a single lost or repeated step changes
 * everything after.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from 'oabn-base';
import type { RunContext } from '../../src/store/index.js';

export interface ToyConfig {
  readonly toy: string;
  readonly steps: number;
  /** Numbers in the state. */
  readonly size: number;
  /** Steps between checkpoints. */
  readonly every: number;
}

export interface ToyResult {
  readonly digest: string;
  readonly last: number;
}

/** @param pause milliseconds after each step, which may change on the way */
export async function toyRun(
  context: RunContext<ToyConfig>,
  pause: number | (() => number) = 0,
): Promise<ToyResult> {
  const { steps, size, every } = context.config;
  const x =
    (context.resumed?.tensors.x?.data as Float32Array | undefined) ??
    Float32Array.from({ length: size }, (_, i) => (i + 0.5) / size);
  for (let step = (context.resumed?.step ?? 0) + 1; step <= steps; step++) {
    context.signal.throwIfAborted();
    for (let i = 0; i < size; i++) x[i] = 3.9 * x[i]! * (1 - x[i]!);
    const milliseconds = typeof pause === 'number' ? pause : pause();
    if (milliseconds > 0) await sleep(milliseconds);
    await context.logMetrics({ step, first: x[0]! });
    context.progress({ task: 'toy', done: step, total: steps, fields: { first: x[0]! } });
    if (step % every === 0) {
      await context.saveCheckpoint(step, { x: { shape: [size], data: x } }, { note: `after ${step}` });
    }
  }
  return { digest: sha256(new Uint8Array(x.buffer, x.byteOffset, x.byteLength)), last: x[size - 1]! };
}
