/** The queues that a worker can serve, and which job it takes next. */
import { check } from 'oabn-base';
import type { Job, QueueConnection, Worker } from './connection.js';
import { executed } from './graph.js';
import { type Capabilities, type JobClass, jobId, obstacle, type QueueJob } from './job.js';

export interface Taken {
  readonly job: Job<QueueJob>;
  readonly token: string;
  /** The job's queue. */
  readonly id: string;
  readonly jobClass: JobClass;
}

export interface Serving extends Capabilities {
  readonly version: string;
  readonly trust: boolean;
  readonly leaseSeconds: number;
}

export interface OpenQueues {
  /** A job that is ready, preferably one that shares an `affinity`; undefined if there is none. */
  next(token: string, affinity: readonly string[]): Promise<Taken | undefined>;
  /** Jobs of these queues that are not finished. */
  left(): Promise<number>;
  /** Whether anything was ever planned, judging by the last look. */
  readonly planned: boolean;
  /** The classes that this worker does not serve, and why, where jobs of theirs wait. */
  refused(): Promise<string[]>;
  readonly ids: readonly string[];
  close(): Promise<void>;
}

/**
 * How often a job may be found without its worker (kill -9, power, network). Each time costs a lease, but no
 * result.
 */
const mostStalls = 25;
const millisecondsClassesLast = 1000;

export function openQueues(connection: QueueConnection, serving: Serving): OpenQueues {
  const { bullmq, redis, key, prefix, queue, classes } = connection;
  const open = new Map<string, { readonly jobClass: JobClass; readonly worker: Worker<QueueJob> }>();
  const closed = new Map<string, { readonly jobClass: JobClass; readonly why: string }>();
  let lookedAt = -Infinity;

  const begin = async (id: string): Promise<Worker<QueueJob>> => {
    // Without a processor: jobs are taken here, and the lease is renewed elsewhere. It still looks for
    // stalled jobs.
    const worker = new bullmq.Worker<QueueJob>(id, null, {
      connection: redis,
      prefix,
      autorun: false,
      lockDuration: 1000 * serving.leaseSeconds,
      stalledInterval: 500 * serving.leaseSeconds,
      maxStalledCount: mostStalls,
    });
    worker.on('error', () => undefined); // Said by the connection.
    await worker.waitUntilReady();
    await worker.startStalledCheckTimer();
    return worker;
  };
  const look = async (): Promise<void> => {
    lookedAt = performance.now();
    for (const [id, jobClass] of await classes()) {
      if (open.has(id)) continue;
      const why = await obstacle(jobClass, serving);
      if (why === undefined) {
        closed.delete(id);
        open.set(id, { jobClass, worker: await begin(id) });
      } else {
        closed.set(id, { jobClass, why });
      }
    }
  };
  let looking: Promise<void> | undefined;
  /** Shared by those who ask at the same time: two looks would both begin to serve what they find. */
  const refresh = (): Promise<void> => (looking ??= look().finally(() => (looking = undefined)));
  /** Puts a ready job that shares one of the names at the head of its queue; another worker may be faster. */
  const prefer = async (affinity: readonly string[]): Promise<void> => {
    if (affinity.length === 0) return;
    const commands = redis.pipeline();
    for (const name of affinity) commands.srandmember(key('affinity', name));
    const found = (await executed(commands)) as (string | null)[];
    for (const [i, hash] of found.entries()) {
      if (hash === null) continue;
      const id = await redis.hget(key('at'), hash);
      const job = id !== null && open.has(id) ? await queue(id).getJob(jobId(hash)) : undefined;
      if (!job) {
        if (id === null) await redis.srem(key('affinity', affinity[i]!), hash);
        continue;
      }
      await job.changePriority({ priority: 0, lifo: true });
      return;
    }
  };

  return {
    async next(token, affinity) {
      if (looking || performance.now() - lookedAt >= millisecondsClassesLast) await refresh();
      await prefer(affinity);
      // Jobs that few workers can do come first for those that can.
      const demanding = ({ jobClass }: { jobClass: JobClass }): number =>
        Object.keys(jobClass.requirements).length + Number(jobClass.trust);
      const order = [...open].sort(([, a], [, b]) => demanding(b) - demanding(a));
      for (const [id, { jobClass, worker }] of order) {
        const job = await worker.getNextJob(token, { block: false });
        if (!job) continue;
        check(job.data?.hash, `The queue ${id} contains something other than a run: job ${job.id}`);
        const commands = redis.pipeline();
        for (const name of job.data.affinity) commands.srem(key('affinity', name), job.data.hash);
        if (job.data.affinity.length > 0) await executed(commands);
        return { job, token, id, jobClass };
      }
      return undefined;
    },
    async left() {
      // Always asked anew: a worker that is stopped before its first look leaves everything, and an
      // unreachable server cannot say.
      await refresh();
      const counts = await Promise.all([...open.keys()].map((id) => unfinished(connection, id)));
      return counts.reduce((sum, each) => sum + each, 0);
    },
    async refused() {
      const lines: string[] = [];
      for (const [id, { why }] of closed) {
        const count = await unfinished(connection, id);
        if (count > 0) lines.push(`${count} run${count === 1 ? '' : 's'} ${why}`);
      }
      return lines;
    },
    get planned() {
      return open.size + closed.size > 0;
    },
    get ids() {
      return [...open.keys()];
    },
    async close() {
      await Promise.all([...open.values()].map(({ worker }) => worker.close(true).catch(() => undefined)));
    },
  };
}

/** Jobs of a queue that are waiting, held or being computed. */
export async function unfinished({ queue }: QueueConnection, id: string): Promise<number> {
  return await queue(id).getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized');
}
