/** What is in the queue, in numbers, and who is working on it. */
import type { QueueConnection } from './connection.js';
import type { FailedRun } from './finish.js';
import type { JobClass } from './job.js';
import { workersOf, type WorkerPresence } from './presence.js';

/** How many jobs of a class wait, run and failed. */
export interface ClassStatus {
  /** The class's id. */
  readonly id: string;
  /** What its jobs have in common. */
  readonly jobClass: JobClass;
  /** Ready to be taken. */
  readonly ready: number;
  /** Waiting for other runs. */
  readonly held: number;
  /** Being computed. */
  readonly running: number;
  /** Failed. */
  readonly failed: number;
  /** Workers that serve it. */
  readonly workers: number;
}

/** The state of the queue. */
export interface QueueStatus {
  /** Classes with jobs. */
  readonly classes: readonly ClassStatus[];
  /** The workers that are present. */
  readonly workers: readonly WorkerPresence[];
  /** Runs that failed. */
  readonly failures: readonly (FailedRun & { readonly hash: string })[];
  /** Jobs that none of the present workers can do, in words. */
  readonly unserved: readonly string[];
}

/** What is in the queue, who works on it, and what nobody can do. */
export async function queueStatus(connection: QueueConnection): Promise<QueueStatus> {
  const { redis, key, queue } = connection;
  const [known, workers, failures] = await Promise.all([
    connection.classes(),
    workersOf(connection),
    redis.hgetall(key('failures')),
  ]);
  const all = await Promise.all(
    [...known].map(async ([id, jobClass]): Promise<ClassStatus> => {
      const counts = await queue(id).getJobCounts('waiting', 'prioritized', 'delayed', 'active', 'failed');
      const of = (name: string): number => counts[name] ?? 0;
      return {
        id,
        jobClass,
        ready: of('waiting') + of('prioritized'),
        held: of('delayed'),
        running: of('active'),
        failed: of('failed'),
        workers: workers.filter(({ serves }) => serves.includes(id)).length,
      };
    }),
  );
  const classes = all.filter(({ ready, held, running, failed }) => ready + held + running + failed > 0);
  return {
    classes,
    workers,
    failures: Object.entries(failures).map(([hash, text]) => ({ hash, ...(JSON.parse(text) as FailedRun) })),
    unserved: classes
      .filter(({ ready, workers: serving }) => ready > 0 && serving === 0)
      .map(({ ready, jobClass }) => `${ready} run${ready === 1 ? '' : 's'} ${describeClass(jobClass)}`),
  };
}

/** «of version 0.2.0, for webgpu, of 4 GiB, on data 1234abcd, with functions of their own (--trust)». */
export function describeClass({
  version,
  trust,
  requirements: { backend, memoryGiB, data },
}: JobClass): string {
  return [
    `of version ${version}`,
    ...(backend === undefined ? [] : [`for ${backend}`]),
    ...(memoryGiB === undefined ? [] : [`of ${memoryGiB} GiB`]),
    ...(data === undefined ? [] : [`on data ${data.slice(0, 12)}`]),
    ...(trust ? ['with functions of their own (--trust)'] : []),
  ].join(', ');
}
