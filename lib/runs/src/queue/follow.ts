/**
 * Watching a plan until it is done, from anywhere: one progress for all of it, each run collected as it
 * comes. The watcher may die and start again on another machine; the plan is in the queue, and finished runs
 * are in the store.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Progress, silent } from 'oabn-base';
import pLimit from 'p-limit';
import type { SharedRuns } from '../remote/index.js';
import type { QueueConnection } from './connection.js';
import { addJobs, enqueue } from './enqueue.js';
import type { FailedRun, Finished } from './finish.js';
import { executed } from './graph.js';
import { jobId, type Plan, type QueueJob } from './job.js';
import { workersOf } from './presence.js';
import { anyOf } from './signals.js';
import { queueStatus } from './status.js';

/** What is called as the runs of a plan end, and what takes their results. */
export interface FollowOptions {
  /** Called as runs end; default: no progress is reported. */
  readonly progress?: Progress;
  /** When aborted, the watching ends with the reason; the runs go on. */
  readonly signal?: AbortSignal;
  /** Takes what is done, such as its files into the local store; called once for each run. */
  readonly collect?: (job: QueueJob) => Promise<void>;
  /** Called after each run that finished while this was watching. */
  readonly onDone?: (job: QueueJob, done: number, total: number) => void;
  /** Takes messages for the user, a line each; default standard error. */
  readonly notice?: (message: string) => void;
}

/** A run of the plan that failed, or needs one that did. */
export interface PlanFailure extends FailedRun {
  /** The run's hash. */
  readonly hash: string;
}

/** How a plan ended. */
export interface PlanResult {
  /** Runs that others computed while this was watching. */
  readonly computed: number;
  /** Runs that failed. */
  readonly failures: readonly PlanFailure[];
}

const millisecondsBetweenLooks = 1000;
/** Number of runs whose state is requested at once. */
const window = 500;
/** The files of this many runs are fetched at a time. */
const collectors = 4;

/**
 * Puts `jobs` into the queue and waits until each of them is done or has failed.
 * @throws UserError for a plan that cannot be carried out; the signal's reason when it aborts
 */
export async function computeInQueue(
  connection: QueueConnection,
  shared: SharedRuns,
  jobs: readonly QueueJob[],
  plan: Plan,
  options: FollowOptions = {},
): Promise<PlanResult> {
  const {
    progress = silent,
    signal,
    collect = async () => undefined,
    onDone,
    notice = (message) => void process.stderr.write(`${message}\n`),
  } = options;
  const { key, duplicate } = connection;
  const listening = duplicate();
  const heard: Finished[] = [];
  // Listening begins before anything is put in, so that nothing is missed; what is missed all the same is
  // found by asking.
  let wake = (): void => undefined;
  listening.on('message', (_, text: string) => {
    heard.push(JSON.parse(text) as Finished);
    wake();
  });
  await listening.subscribe(key('finished'));

  const all = new Map(jobs.map((job) => [job.hash, job]));
  const failures = new Map<string, PlanFailure>();
  const collecting = new Set<Promise<void>>();
  const inTurn = pLimit(collectors);
  let broken: unknown;
  const take = (job: QueueJob): void => {
    const taken: Promise<void> = inTurn(() => collect(job))
      .catch((error: unknown) => void (broken ??= error))
      .finally(() => collecting.delete(taken));
    collecting.add(taken);
  };

  try {
    const { done, open } = await enqueue(connection, shared, jobs, plan);
    const left = new Map(open);
    for (const hash of done) take(all.get(hash)!);
    let computed = 0;
    const settle = (hash: string, failure?: PlanFailure): void => {
      const job = left.get(hash);
      if (!job) return;
      left.delete(hash);
      if (failure) {
        failures.set(hash, failure);
        notice(`failed «${failure.title}» on ${failure.host}: ${failure.message}`);
        return;
      }
      take(job);
      computed++;
      onDone?.(job, done.size + computed, all.size);
    };
    const show = async (): Promise<void> => {
      // At the end there is nobody left to ask: the server may be gone once its work is done.
      const workers = left.size > 0 ? await workersOf(connection) : [];
      const mine = workers.flatMap(({ host, runs }) => runs.map((run) => ({ host, run })));
      const running = mine.filter(({ run }) => left.has(run.hash));
      progress({
        task: 'runs',
        done: all.size - left.size,
        total: all.size,
        fields: {
          ...(failures.size > 0 && { failed: failures.size }),
          running: running.length,
          waiting: left.size - running.length,
          ...Object.fromEntries(
            running
              .slice(0, 8)
              .map(({ host, run }, i) => [
                `[${i + 1}] ${host}`,
                `${run.title} ${Math.round(100 * run.share)}%`,
              ]),
          ),
        },
      });
    };
    let said = '';
    const toShow = dueEvery(1000, 0);
    const toAsk = dueEvery(5000);
    const toMissWorkers = dueEvery(30_000, 5000);
    while (left.size > 0) {
      signal?.throwIfAborted();
      if (broken) throw broken;
      for (const { hash, error } of heard.splice(0)) {
        const job = left.get(hash);
        if (job) settle(hash, error === undefined ? undefined : await failureOf(connection, job, error));
      }
      if (toShow()) await show();
      if (toAsk()) {
        const part = [...left.values()].slice(0, window);
        for (const each of await lookAfter(connection, shared, part, plan, (hash) => left.has(hash))) {
          settle(each.hash, each.failure);
        }
        // Those that have been asked about go to the end of the line.
        for (const { hash } of part) {
          const job = left.get(hash);
          if (job && left.delete(hash)) left.set(hash, job);
        }
      }
      if (toMissWorkers()) {
        const { unserved } = await queueStatus(connection);
        const text = unserved.join('; ');
        if (text !== '' && text !== said) notice(`No worker can serve: ${text}`);
        said = text;
      }
      if (left.size > 0 && heard.length === 0) {
        const word = new AbortController();
        wake = () => word.abort();
        const wait = anyOf([word.signal, signal]);
        await sleep(millisecondsBetweenLooks, undefined, { signal: wait.signal }).catch(() => undefined);
        wait.end();
      }
    }
    await Promise.all(collecting);
    if (broken) throw broken;
    await show();
    return { computed, failures: [...failures.values()] };
  } finally {
    listening.disconnect();
    await Promise.allSettled(collecting);
  }
}

/** Says, however often it is asked, whether this many milliseconds have passed since it last said yes. */
function dueEvery(milliseconds: number, first = milliseconds): () => boolean {
  let due = performance.now() + first;
  return () => {
    if (performance.now() < due) return false;
    due = performance.now() + milliseconds;
    return true;
  };
}

async function failureOf(
  { redis, key }: QueueConnection,
  { hash, title }: QueueJob,
  error: string,
): Promise<PlanFailure> {
  const text = await redis.hget(key('failures'), hash);
  return text === null
    ? { hash, title, message: error, host: 'unknown', at: new Date().toISOString() }
    : { hash, ...(JSON.parse(text) as FailedRun) };
}

/**
 * Asks about runs of which nothing was heard: collects those that ended, and puts in again those that the
 * queue no longer knows although they are not done (because the server lost its memory).
 */
async function lookAfter(
  connection: QueueConnection,
  shared: SharedRuns,
  jobs: readonly QueueJob[],
  plan: Plan,
  isOpen: (hash: string) => boolean,
): Promise<{ hash: string; failure?: PlanFailure }[]> {
  const { redis, key, queue } = connection;
  if (jobs.length === 0) return [];
  const hashes = jobs.map(({ hash }) => hash);
  const [at, failed] = await Promise.all([
    redis.hmget(key('at'), ...hashes),
    redis.hmget(key('failures'), ...hashes),
  ]);
  const commands = redis.pipeline();
  jobs.forEach(({ hash }, i) => commands.exists(queue(at[i] ?? 'none').toKey(jobId(hash))));
  const known = await executed(commands);
  const settled: { hash: string; failure?: PlanFailure }[] = [];
  const lost: QueueJob[] = [];
  for (const [i, job] of jobs.entries()) {
    const failure = failed[i];
    if (failure)
      settled.push({ hash: job.hash, failure: { hash: job.hash, ...(JSON.parse(failure) as FailedRun) } });
    else if (at[i] !== null && known[i] === 1) continue;
    else if (await shared.done(job.hash)) settled.push({ hash: job.hash });
    else lost.push(job);
  }
  if (lost.length > 0) await addJobs(connection, lost, plan, isOpen);
  return settled;
}
