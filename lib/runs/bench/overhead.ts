/** What a run costs beside its computing: runs that do nothing, in the local pool and in the queue. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runJobs } from '../src/local/index.js';
import type { QueueJob } from '../src/queue/index.js';
import { openStore } from '../src/store/index.js';
import type { Place, Site } from './site.js';
import { nap, type Sleeper, sleepers } from './sleepers.js';

export interface Overhead {
  readonly where: 'local pool' | `queue, ${Place}`;
  readonly workers: number;
  readonly runs: number;
  /**
   * Of a worker's time for a run, from the end of one run to the end of the next: the median of ten blocks.
   */
  readonly millisecondsPerRun: number;
}

/** Runs in a block; the median of all blocks counts: this machine does other things now and then. */
const block = 30;

/**
 * Times at which runs ended → milliseconds of a worker for each; those before the first are for getting
 * started.
 */
function perRun(ends: readonly number[], workers: number): number {
  const blocks = [];
  for (let i = workers - 1; i + block < ends.length; i += block) {
    blocks.push((workers * (ends[i + block]! - ends[i]!)) / block);
  }
  return blocks.sort((a, b) => a - b)[Math.floor(blocks.length / 2)]!;
}

export async function overheadOf(
  site: Site,
  runs: number,
  workerCounts: readonly number[],
): Promise<Overhead[]> {
  const found: Overhead[] = [];
  for (const workers of workerCounts) {
    const jobs = (name: string): QueueJob<Sleeper>[] => sleepers(`${name} ${workers}`, runs, 0);
    found.push({
      where: 'local pool',
      workers,
      runs,
      millisecondsPerRun: perRun(await endsInPool(jobs('pool'), workers), workers),
    });
    for (const place of ['folder', 'bucket'] as const) {
      const sweep = await site.openSweep(workers, place);
      const ends: number[] = [];
      await sweep.compute(jobs(place), { onDone: () => void ends.push(performance.now()) });
      await sweep.close();
      found.push({ where: `queue, ${place}`, workers, runs, millisecondsPerRun: perRun(ends, workers) });
    }
  }
  return found;
}

async function endsInPool(jobs: readonly QueueJob<Sleeper>[], workers: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'runs-bench-pool-'));
  const store = openStore(folder);
  const ends: number[] = [];
  const pooled = jobs.map(({ hash, config: task }) => ({ hash, key: 'sleep', task }));
  await runJobs(pooled, {
    storeOf: () => store,
    request: ({ task }) => store.request(task, nap),
    crew: { module: new URL('poolWorker.ts', import.meta.url), setup: folder },
    workers,
    onComputed: () => ends.push(performance.now()),
  });
  await rm(folder, { recursive: true, force: true });
  return ends;
}
