/** What a worker's death costs: the time by which a run is late whose worker was killed with -9. */
import { setTimeout as sleep } from 'node:timers/promises';
import { workersOf } from '../src/queue/presence.js';
import type { Site, Sweep } from './site.js';
import { sleepers } from './sleepers.js';

export interface Kill {
  readonly leaseSeconds: number;
  /** Between the death and the result, beyond the work that was left at the death. */
  readonly secondsLost: number;
}

/** A run sleeps for so many seconds, and leaves a checkpoint after each. */
const naps = 20;

/** `count` runs on 2 × `count` workers; the worker of each is killed, at moments that differ. */
export async function lostToKills(site: Site, count: number): Promise<Kill[]> {
  const found: Kill[] = [];
  for (const leaseSeconds of [30, 10]) {
    const sweep = await site.openSweep(2 * count, 'bucket', { leaseSeconds });
    const jobs = sleepers(`lease ${leaseSeconds}`, count, 1000, naps);
    const began = performance.now();
    const ends = new Map<string, number>();
    const computed = sweep.compute(jobs, {
      onDone: ({ hash }) => void ends.set(hash, (performance.now() - began) / 1000),
    });
    for (const [i, { hash }] of jobs.entries()) {
      await sleep(Math.max(0, 1000 * (5 + 2.3 * i) - (performance.now() - began)));
      await killWorkerOf(sweep, hash);
    }
    await computed;
    await sweep.close();
    // They began at once, as there were workers for all of them.
    for (const { hash } of jobs) found.push({ leaseSeconds, secondsLost: ends.get(hash)! - naps });
  }
  return found;
}

async function killWorkerOf({ connection, workers }: Sweep, hash: string): Promise<void> {
  for (;;) {
    const at = (await workersOf(connection)).find(({ runs }) => runs.some((run) => run.hash === hash));
    const worker = workers.find(({ process: child }) => child.pid === at?.pid);
    if (worker) return void worker.process.kill('SIGKILL');
    await sleep(200);
  }
}
