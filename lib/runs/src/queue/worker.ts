/**
 * A worker: takes jobs that its machine can do, a few at a time, carries them out, and says how they ended.
 * It only holds, fetches and sends; computing is done by its children, so its leases are renewed whatever
 * they are doing.
 *
 * It may be killed at any moment: its leases expire, the jobs are given to others, and those continue from
 * the last checkpoints in the store.
 */
import { randomBytes } from 'node:crypto';
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import { check } from 'oabn-base';
import { boundCache, fetchData, hasData, type Objects, openObjects, sharedRuns } from '../remote/index.js';
import { makeFolder } from '../store/durable.js';
import { computer } from './computer.js';
import { connectQueue, type QueueConnection } from './connection.js';
import { doorbell } from './doorbell.js';
import { type AtWork, presence } from './presence.js';
import { anyOf, unlessAway } from './signals.js';
import { attend, type Attended, type SlotOptions } from './slot.js';
import { openQueues } from './take.js';

/** What a worker serves, where it keeps its files, and when it stops. */
export interface WorkerOptions {
  /** `redis://…` */
  readonly queue: string;
  /** A folder or `s3://bucket/prefix`. */
  readonly store: string;
  /** The URL of a module that exports `createExecutor`. */
  readonly executor: string | URL;
  /** Options for the executor, as JSON. */
  readonly executorOptions?: unknown;
  /**
   * The folder for what is being computed and for local copies of runs and data; workers of a machine may
   * share it.
   */
  readonly cache: string;
  /** Limit for the local copies of runs; default 20. */
  readonly cacheGiB?: number;
  /** Runs at a time; default 1. */
  readonly jobs?: number;
  /** The version of the program: jobs planned by another version are left to workers of that version. */
  readonly version: string;
  /** Engines that it has; default none, for jobs that need no particular one. */
  readonly backends?: readonly string[];
  /** Whether the executor has the data set without the store. */
  readonly hasData?: (name: string) => boolean | Promise<boolean>;
  /** Whether to run functions that come with a configuration; default false. */
  readonly trust?: boolean;
  /** Whether a configuration comes with functions; default never. */
  readonly holdsCode?: (config: unknown) => boolean;
  /**
   * End when no work is left that it could do, instead of waiting for more. It does wait for the first plan.
   */
  readonly untilEmpty?: boolean;
  /** Environment variables for the processes that compute. */
  readonly environment?: Readonly<Record<string, string>>;
  /** When aborted, the worker gives back what it has begun, with checkpoints, and ends. */
  readonly stop?: AbortSignal;
  /** Called with messages for the user, one line each; default: prints to standard error. */
  readonly notice?: (message: string) => void;
  /** The lease of a job in seconds, which a dead worker keeps for that long; default 30. */
  readonly leaseSeconds?: number;
}

/** What a worker did. */
export interface WorkerReport {
  /** Runs that it finished. */
  readonly computed: number;
  /** Runs that failed here. */
  readonly failed: number;
  /** Runs that it gave back, for others to continue. */
  readonly givenBack: number;
  /**
   * Runs in the queue that are not finished and that a worker like this one could do; unknown where it did
   * not answer.
   */
  readonly left: number | undefined;
}

/** How long an idle worker waits for a signal before it looks by itself. */
const millisecondsBetweenLooks = 3000;
const millisecondsBetweenBounds = 30_000;
/** The time that a stopped worker has to leave its checkpoints in a store that does not answer. */
const millisecondsToSave = 60_000;

/** Works until it is told to stop. @throws UserError when this machine cannot go on: no disk, no executor */
export async function runWorker(options: WorkerOptions): Promise<WorkerReport> {
  const { jobs = 1, notice = (message: string) => void process.stderr.write(`${message}\n`) } = options;
  check(Number.isInteger(jobs) && jobs > 0, () => `A worker computes at least 1 run at a time, got ${jobs}`);
  const connection = await connectQueue(options.queue, { notice });
  const hurry = new AbortController();
  const onStop = (): void => {
    setTimeout(() => hurry.abort(options.stop!.reason), millisecondsToSave).unref();
  };
  options.stop?.addEventListener('abort', onStop);
  try {
    // A finished run waits for its store however long that takes, unless the worker was told to stop.
    const patience = { seconds: Infinity, signal: hurry.signal, notice };
    const objects = await openObjects(options.store, patience);
    return await work({ ...options, jobs, notice }, connection, objects);
  } finally {
    options.stop?.removeEventListener('abort', onStop);
    await connection.close();
  }
}

type Settled = WorkerOptions & Required<Pick<WorkerOptions, 'jobs' | 'notice'>>;

async function work(options: Settled, connection: QueueConnection, objects: Objects): Promise<WorkerReport> {
  const { jobs, notice, cache, version, trust = false, leaseSeconds = 30, cacheGiB = 20 } = options;
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const runs = join(cache, 'runs');
  await makeFolder(runs);
  // Ends all slots: because the caller says so, or because this machine cannot go on.
  const machine = new AbortController();
  const stop = anyOf([options.stop, machine.signal]);
  const hereAlready = async (name: string): Promise<boolean> => (await options.hasData?.(name)) ?? false;
  const queues = openQueues(connection, {
    version,
    trust,
    leaseSeconds,
    backends: options.backends ?? [],
    memoryGiB: totalmem() / 2 ** 30 / jobs,
    hasData: async (name) => (await hereAlready(name)) || (await hasData(objects, name)),
  });
  const atWork = new Map<number, AtWork>();
  const present = presence(connection, id, () => ({
    version,
    slots: jobs,
    serves: queues.ids,
    runs: [...atWork.values()],
  }));
  const bell = doorbell(connection);
  const count = { computed: 0, failed: 0, givenBack: 0 };
  let saidRefused = '';
  let machineFault: string | undefined;

  const note = (ending: Attended): void => {
    if (ending.kind === 'done') count.computed += Number(ending.computed);
    if (ending.kind === 'failed') count.failed++;
    if (ending.kind === 'stopped' || ending.kind === 'machine') count.givenBack++;
    if (ending.kind === 'machine') {
      machineFault = ending.message;
      machine.abort();
    }
  };
  const sayRefused = async (): Promise<void> => {
    const lines = (await queues.refused()).join('; ');
    if (lines !== '' && lines !== saidRefused) notice(`Left to other workers: ${lines}`);
    saidRefused = lines;
  };
  const slot = async (number: number): Promise<void> => {
    const { executor, executorOptions, environment = {} } = options;
    const computing = computer({
      module: String(executor),
      runs,
      options: executorOptions,
      environment,
      notice,
    });
    const common: SlotOptions = {
      connection,
      shared: sharedRuns(objects),
      computer: computing,
      runs,
      data,
      holdsCode: options.holdsCode ?? (() => false),
      leaseSeconds,
      stop: stop.signal,
      show: (at) => (at ? atWork.set(number, at) : atWork.delete(number)),
      notice,
    };
    let affinity: readonly string[] = [];
    try {
      for (let turn = 0; !stop.signal.aborted; turn++) {
        const taken = await unlessAway(queues.next(`${id}:${number}:${turn}`, affinity), stop.signal);
        if (taken) {
          affinity = taken.job.data.affinity;
          note(await attend(taken, common));
          await bound();
        } else if (!stop.signal.aborted) {
          await sayRefused();
          if (options.untilEmpty && (await queues.left()) === 0 && queues.planned) return;
          await bell.wait(stop.signal, millisecondsBetweenLooks);
        }
      }
    } finally {
      await computing.end();
    }
  };
  const bound = nowAndThen(() => boundCache(runs, cacheGiB * 2 ** 30));
  const data = fetchedOnce(async (name) =>
    (await hereAlready(name)) ? undefined : await fetchData(objects, name, join(cache, 'data')),
  );

  try {
    const slots = Array.from({ length: jobs }, (_, i) =>
      slot(i + 1).catch((error: unknown) => {
        machine.abort();
        throw error;
      }),
    );
    const broken = (await Promise.allSettled(slots)).find((each) => each.status === 'rejected');
    if (broken) throw broken.reason;
    check(machineFault === undefined, `${machineFault} What was begun is back in the queue.`);
    return { ...count, left: await unlessAway(queues.left(), AbortSignal.abort()) };
  } finally {
    stop.end();
    bell.close();
    await unlessAway(present.end(), AbortSignal.abort());
    await unlessAway(queues.close(), AbortSignal.abort());
  }
}

/**
 * `work` at the first call, and then so rarely that it takes at most a twentieth of the time, because it
 * looks at all runs.
 */
function nowAndThen(work: () => Promise<unknown>): () => Promise<void> {
  let next = -Infinity;
  return async () => {
    const began = performance.now();
    if (began < next) return;
    next = Infinity;
    await work();
    const ended = performance.now();
    next = ended + Math.max(millisecondsBetweenBounds, 20 * (ended - began));
  };
}

/** `fetch`, shared by slots that need the same thing at the same time. */
function fetchedOnce<T>(fetch: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const fetching = new Map<string, Promise<T>>();
  return (name) => {
    const found = fetching.get(name) ?? fetch(name).finally(() => fetching.delete(name));
    fetching.set(name, found);
    return found;
  };
}
