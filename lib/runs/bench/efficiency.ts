/**
 * How much of the time of several workers is work: each has the same number of runs that sleep for the same
 * time.
 */
import type { Site } from './site.js';
import { sleepers } from './sleepers.js';

export interface Efficiency {
  readonly workers: number;
  readonly runs: number;
  /** Of each run. */
  readonly sleepSeconds: number;
  /** From the plan to the last result. */
  readonly seconds: number;
  /** What the sleeping takes by itself ÷ what it took. */
  readonly efficiency: number;
}

const runsEach = 8;
const sleepSeconds = 5;

export async function efficiencyAt(site: Site, workerCounts: readonly number[]): Promise<Efficiency[]> {
  const found: Efficiency[] = [];
  for (const workers of workerCounts) {
    const runs = runsEach * workers;
    const sweep = await site.openSweep(workers, 'bucket');
    const seconds = await sweep.compute(sleepers(`at ${workers}`, runs, 1000 * sleepSeconds));
    await sweep.close();
    found.push({ workers, runs, sleepSeconds, seconds, efficiency: (runsEach * sleepSeconds) / seconds });
  }
  return found;
}
