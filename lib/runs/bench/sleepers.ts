/** Runs that sleep instead of compute: what is left of the time is the queue's own, or the pool's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type QueueJob, queueJob, storeExecutor } from '../src/queue/index.js';
import type { RunContext } from '../src/store/index.js';

export interface Sleeper {
  readonly kind: 'sleep';
  readonly name: string;
  readonly i: number;
  /** Of each nap; after each but the last there is a checkpoint. */
  readonly milliseconds: number;
  readonly naps: number;
}

/** `count` runs that sleep `naps` times for so many milliseconds. */
export function sleepers(name: string, count: number, milliseconds: number, naps = 1): QueueJob<Sleeper>[] {
  return Array.from({ length: count }, (_, i) =>
    queueJob({ title: `${name} ${i}`, config: { kind: 'sleep', name, i, milliseconds, naps } }),
  );
}

export async function nap({
  config,
  resumed,
  signal,
  saveCheckpoint,
}: RunContext<Sleeper>): Promise<{ naps: number }> {
  const { milliseconds, naps } = config;
  for (let done = (resumed?.step ?? 0) + 1; done <= naps; done++) {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal });
    if (done < naps) await saveCheckpoint(done, {});
  }
  return { naps };
}

export const createExecutor = storeExecutor((context) => nap(context as RunContext<Sleeper>));
