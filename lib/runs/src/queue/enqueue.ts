/**
 * Putting a plan into the queue: runs that are done are left out, those that are queued already stay, and
 * those that failed are tried again.
 */
import { check } from 'oabn-base';
import { checkOrder } from '../order.js';
import type { SharedRuns } from '../remote/index.js';
import type { QueueConnection } from './connection.js';
import { executed, heldMilliseconds, noteNeeds, release, wake } from './graph.js';
import { classId, classOf, type JobClass, jobId, type Plan, type QueueJob } from './job.js';

/** Jobs that go to the server in one message. */
const batch = 500;

/** Finished jobs that the queue remembers, for a dashboard; the store knows all of them. */
const remembered = 100;

/** How often the process of a run may die before the run counts as failed. */
const timesItMayDie = 3;

/** Jobs by their hashes, and which of them are not done. */
export interface Enqueued {
  /** Hashes of jobs that are done. */
  readonly done: ReadonlySet<string>;
  /** Hash → job, for jobs that are not. */
  readonly open: ReadonlyMap<string, QueueJob>;
}

/**
 * Puts those of `jobs` that are not done into the queue. The same plan may be put in any number of times, by
 * several machines at once.
 * @throws UserError when a job needs a run that is neither done nor among `jobs`, or jobs wait for each other
 */
export async function enqueue(
  connection: QueueConnection,
  shared: SharedRuns,
  jobs: readonly QueueJob[],
  plan: Plan,
): Promise<Enqueued> {
  const finished = await shared.doneHashes();
  const open = new Map(jobs.filter(({ hash }) => !finished.has(hash)).map((job) => [job.hash, job]));
  for (const { title, needs } of open.values()) {
    const missing = needs.find((need) => !finished.has(need) && !open.has(need));
    check(missing === undefined, `«${title}» needs run ${missing}, which is neither done nor in the plan`);
  }
  checkOrder([...open.values()]);
  await addJobs(connection, [...open.values()], plan, (need) => !finished.has(need));
  await releaseFinished(connection, shared, [...open.values()]);
  await wake(connection);
  const done = new Set(jobs.map(({ hash }) => hash).filter((hash) => finished.has(hash)));
  return { done, open };
}

/** Adds jobs that are not in their queues. `isOpen`: the run is not done yet. */
export async function addJobs(
  connection: QueueConnection,
  jobs: readonly QueueJob[],
  plan: Plan,
  isOpen: (hash: string) => boolean,
): Promise<void> {
  const { redis, key, queue, register } = connection;
  await forgetFailures(connection, jobs);
  const told = new Set<string>();
  for (let from = 0; from < jobs.length; from += batch) {
    const part = jobs.slice(from, from + batch).map((job) => ({ job, open: job.needs.filter(isOpen) }));
    const waits = part.filter(({ open }) => open.length > 0);
    await noteNeeds(
      connection,
      waits.map(({ job, open }) => ({ hash: job.hash, needs: open })),
    );
    const byClass = new Map<string, { jobClass: JobClass; members: typeof part }>();
    for (const each of part) {
      const jobClass = classOf(each.job, plan);
      const id = classId(jobClass);
      byClass.set(id, { jobClass, members: [...(byClass.get(id)?.members ?? []), each] });
    }
    for (const [id, { jobClass, members }] of byClass) {
      const commands = redis.pipeline();
      for (const { job, open } of members) {
        commands.hset(key('at'), job.hash, id);
        for (const name of open.length === 0 ? job.affinity : [])
          commands.sadd(key('affinity', name), job.hash);
      }
      await executed(commands);
      await queue(id).addBulk(
        members.map(({ job, open }) => ({
          name: job.title,
          data: job,
          opts: {
            jobId: jobId(job.hash),
            ...(open.length > 0 && { delay: heldMilliseconds }),
            attempts: timesItMayDie,
            removeOnComplete: { count: remembered },
            removeOnFail: false,
          },
        })),
      );
      // Workers that find a class find jobs of it. Each plan registers it again, in case the server forgot.
      if (!told.has(id)) await register(jobClass);
      told.add(id);
    }
    await wake(connection);
  }
}

/**
 * Removes ended jobs from the queues, so that a run that failed is tried again when it is requested again.
 */
async function forgetFailures(connection: QueueConnection, jobs: readonly QueueJob[]): Promise<void> {
  const { redis, key, queue, classes } = connection;
  const asked = new Set(jobs.map(({ hash }) => jobId(hash)));
  for (const id of (await classes()).keys()) {
    const ended = await queue(id).getJobs(['failed', 'completed']);
    for (const job of ended) {
      if (!asked.has(job.id!)) continue;
      await job.remove();
      await redis.hdel(key('failures'), job.data.hash);
    }
  }
}

/** A run that finished while those that need it were being put in did not know about them. */
async function releaseFinished(
  connection: QueueConnection,
  shared: SharedRuns,
  jobs: readonly QueueJob[],
): Promise<void> {
  const { redis, key } = connection;
  const needed = [...new Set(jobs.flatMap(({ needs }) => needs))];
  for (let from = 0; from < needed.length; from += batch) {
    const part = needed.slice(from, from + batch);
    const at = await redis.hmget(key('at'), ...part);
    const gone = part.filter((_, i) => at[i] === null);
    for (const hash of gone) if (await shared.done(hash)) await release(connection, hash);
  }
}
