/** What a test of the queue works with: a sweep of its own on a Redis, a folder as its store, and workers. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  computeInQueue,
  connectQueue,
  type FollowOptions,
  type Plan,
  type PlanResult,
  type QueueConnection,
  type QueueJob,
} from '../../src/queue/index.js';
import { openObjects, type SharedRuns, sharedRuns } from '../../src/remote/index.js';
import { assertSameAsLocal, startWorker, type TestWorker, type TestWorkerOptions } from './support.js';
import type { QueueToyConfig } from './toyExecutor.js';

export const plan: Plan = {
  version: '1',
  holdsCode: (config) => (config as { source?: string }).source !== undefined,
};

export interface ToySite {
  readonly folder: string;
  readonly shared: SharedRuns;
  readonly connection: QueueConnection;
  /** The address of the sweep, for others who plan. */
  readonly address: string;
  /** A file for toys to note their executions in. */
  readonly log: string;
  /** Those that were begun here. */
  readonly workers: readonly TestWorker[];
  begin(options?: Partial<TestWorkerOptions>): TestWorker;
  /** Plans `jobs`, waits for them, and fetches what was made. */
  compute(jobs: readonly QueueJob[], options?: FollowOptions): Promise<PlanResult>;
  /** Compares what `compute` fetched with what one machine makes. */
  sameAsLocal(jobs: readonly QueueJob<QueueToyConfig>[]): Promise<void>;
  /** The steps that executions of a run began at, in order. */
  beginnings(toy: string): Promise<number[]>;
  /** Resolves when the run has left a state of that step or a later one. */
  reaches(job: QueueJob, step: number): Promise<void>;
  close(): Promise<void>;
}

let sites = 0;

export async function openToySite(redisUrl: string): Promise<ToySite> {
  const folder = await mkdtemp(join(tmpdir(), 'runs-queue-'));
  const store = join(folder, 'store');
  const log = join(folder, 'executions');
  const address = `${redisUrl}?name=sweep${++sites}`;
  const shared = sharedRuns(await openObjects(store));
  const connection = await connectQueue(address, { notice: () => undefined });
  const workers: TestWorker[] = [];
  return {
    folder,
    shared,
    connection,
    address,
    log,
    workers,
    begin(options = {}) {
      const cache = join(folder, `cache${workers.length}`);
      const worker = startWorker({ queue: address, store, cache, ...options });
      workers.push(worker);
      return worker;
    },
    compute: (jobs, options = {}) =>
      computeInQueue(connection, shared, jobs, plan, {
        collect: async ({ hash }) => void (await shared.fetchRun(hash, join(folder, 'collected'))),
        ...options,
      }),
    sameAsLocal: (jobs) => assertSameAsLocal(jobs, join(folder, 'collected'), join(folder, 'local')),
    async beginnings(toy) {
      const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
      return lines.flatMap((line) => {
        const [, step, ...config] = line.split(' ');
        return (JSON.parse(config.join(' ')) as QueueToyConfig).toy === toy ? [Number(step)] : [];
      });
    },
    reaches: ({ hash, title }, step) =>
      until(
        `«${title}» has a state of step ${step}`,
        async () => ((await shared.snapshot(hash))?.step ?? 0) >= step,
      ),
    async close() {
      for (const { process: child } of workers) child.kill('SIGKILL');
      await connection.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

/** Resolves when `condition` holds. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 4800; i++) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error(`It never happened that ${what}`);
}
