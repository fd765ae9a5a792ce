/**
 * What it costs that the bucket is away for a minute while all workers compute and want to leave checkpoints.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from './site.js';
import { sleepers } from './sleepers.js';

export interface Absence {
  readonly awaySeconds: number;
  readonly runs: number;
  /** Of each run, by itself. */
  readonly sleepSeconds: number;
  /** From the plan to the last result. */
  readonly seconds: number;
}

const awaySeconds = 60;
/** Each run sleeps for so many seconds, and leaves a checkpoint after each. */
const naps = 20;

/**
 * A run for each of `workers` workers; the bucket dies when they have begun, and comes back too late for all
 * of them.
 */
export async function bucketAway(site: Site, workers: number): Promise<Absence[]> {
  const sweep = await site.openSweep(workers, 'bucket');
  const computed = sweep.compute(sleepers('away', workers, 1000, naps));
  await sleep(5000);
  await site.bucket.kill();
  await sleep(1000 * awaySeconds);
  await site.bucket.start();
  const seconds = await computed;
  await sweep.close();
  return [{ awaySeconds, runs: workers, sleepSeconds: naps, seconds }];
}
