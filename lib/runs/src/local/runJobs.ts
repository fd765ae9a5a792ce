/**
 * Many jobs, several at a time, in processes of their own. What the store has is not computed again; the
 * results are what one process would compute, in the order of the plan.
 */
import { check, type Progress, type ProgressEvent, silent } from 'oabn-base';
import type { Store, StoredRun } from '../store/index.js';
import { type Crew, toStandardError, type Worker, withWorkers } from './crew.js';
import { isMachineFault } from '../faults.js';
import { checkOrder } from '../order.js';
import { type Failures, failuresOf } from './failures.js';
import type { PoolJob } from './job.js';
import { schedule } from './schedule.js';

/** How jobs become runs, in how many processes, and what is reported about it. */
export interface PoolOptions<J extends PoolJob, Run extends StoredRun> {
  /** The store that a job's result is in. */
  readonly storeOf: (job: J) => Store;
  /** The job's result: from the store, or computed in this process. */
  readonly request: (job: J) => Promise<Run>;
  /**
   * The workers; one carries out a job's task by requesting its run, and answers with where that was `from`.
   */
  readonly crew: Crew;
  /** Processes. 1 computes in this one. */
  readonly workers: number;
  /** Failed jobs after which the others are not tried any more; default 3. */
  readonly maxFailures?: number;
  /** Called as the work proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** Called after each job that was computed, with how many of how many are done. */
  readonly onComputed?: (job: J, done: number, total: number) => void;
  /** Takes messages for the user, a line each; default standard error. */
  readonly notice?: (message: string) => void;
}

/**
 * The results of `jobs`, in their order, computing what the stores do not have. A job that fails through its
 * own fault is set aside with those that need it, and the others go on; an error of the machine, such as a full
 * disk, ends the work.
 * @throws UserError before anything begins, when jobs wait for each other; in the end, naming the jobs that
 * failed with their errors (an Error, if a user cannot mend all of them); or when a worker is killed; the reason
 * of a signal of the crew when that fires, which ends every process between two steps. What is done stays.
 */
export async function runJobs<J extends PoolJob, Run extends StoredRun>(
  jobs: readonly J[],
  options: PoolOptions<J, Run>,
): Promise<Run[]> {
  const { workers, maxFailures = 3, storeOf, request, onComputed } = options;
  for (const [name, value] of [
    ['The number of processes', workers],
    ['maxFailures', maxFailures],
  ] as const) {
    check(Number.isInteger(value) && value > 0, () => `${name} must be a whole number ≥ 1, got ${value}`);
  }
  const missing = await notStored(jobs, storeOf);
  checkOrder(missing);
  const computed = new Set<J>();
  let done = jobs.length - missing.length;
  const note = (job: J, from: StoredRun['from']): void => {
    done++;
    if (from !== 'computed') return;
    computed.add(job);
    onComputed?.(job, done, jobs.length);
  };
  const processes = Math.min(workers, missing.length);
  const failures = failuresOf(jobs.length, maxFailures, options.notice ?? toStandardError);
  const watched: Watched<J> = { note, failures };
  if (processes > 1) await inWorkers(missing, processes, watched, options);
  const here = processes > 1 ? new Map<J, Run>() : await inThisProcess(missing, watched, options);
  failures.end();
  const results: Run[] = [];
  for (const job of jobs) {
    const result = here.get(job) ?? (await request(job));
    results.push(computed.has(job) ? { ...result, from: 'computed' } : result);
  }
  return results;
}

async function notStored<J extends PoolJob>(jobs: readonly J[], storeOf: (job: J) => Store): Promise<J[]> {
  const done = new Map<Store, Set<string>>();
  for (const store of new Set(jobs.map(storeOf))) {
    const finished = (await store.list()).filter(({ status }) => status === 'done');
    done.set(store, new Set(finished.map(({ hash }) => hash)));
  }
  return jobs.filter((job) => !done.get(storeOf(job))!.has(job.hash));
}

/** What is done with jobs that end. */
interface Watched<J extends PoolJob> {
  readonly note: (job: J, from: StoredRun['from']) => void;
  readonly failures: Failures;
}

/** Computes `jobs` in the order of a schedule. */
async function inThisProcess<J extends PoolJob, Run extends StoredRun>(
  jobs: readonly J[],
  { note, failures }: Watched<J>,
  { request, crew: { signals = [] } }: PoolOptions<J, Run>,
): Promise<Map<J, Run>> {
  const plan = schedule(jobs);
  const made = new Map<J, Run>();
  for (let next = plan.next(0); next !== undefined; next = plan.next(0)) {
    const job = jobs[next]!;
    let result: Run;
    try {
      result = await request(job);
    } catch (error) {
      const stopped = signals.some(({ aborted }) => aborted);
      if (stopped || isMachineFault(error) || !(error instanceof Error)) throw error;
      failures.add(job, error, plan.failed(next));
      continue;
    }
    made.set(job, result);
    note(job, result.from);
    plan.done(next);
  }
  return made;
}

/** Computes `jobs` in `workers` worker processes. */
async function inWorkers<J extends PoolJob, Run extends StoredRun>(
  jobs: readonly J[],
  workers: number,
  { note, failures }: Watched<J>,
  { crew, progress = silent, notice }: PoolOptions<J, Run>,
): Promise<void> {
  type Task = J['task'];
  const plan = schedule(jobs);
  const shown = sharedProgress(jobs.length, progress);
  const idle = new Set<Worker<Task>>();
  const busy = new Map<Worker<Task>, number>();
  await withWorkers<unknown, Task, StoredRun['from']>(
    crew,
    { workers, ...(notice && { notice }) },
    (worker, answer) => {
      if (answer.kind === 'progress') {
        shown.of(worker.number, answer.event);
        return false;
      }
      if (answer.kind === 'done') {
        const index = busy.get(worker)!;
        busy.delete(worker);
        plan.done(index);
        shown.done(worker.number);
        note(jobs[index]!, answer.result);
      }
      if (answer.kind === 'failed') {
        const index = busy.get(worker)!;
        busy.delete(worker);
        shown.done(worker.number);
        failures.add(jobs[index]!, answer.error, plan.failed(index));
      }
      idle.add(worker);
      for (const free of idle) {
        const next = plan.next(free.number);
        if (next === undefined) continue;
        idle.delete(free);
        busy.set(free, next);
        free.send(jobs[next]!.task);
      }
      return busy.size === 0 && plan.left === 0;
    },
  );
}

/** One progress for all workers: the jobs done, and what each worker is doing. */
function sharedProgress(total: number, progress: Progress) {
  const at = new Map<number, string>();
  let done = 0;
  const show = (): void =>
    progress({
      task: 'runs',
      done,
      total,
      fields: Object.fromEntries([...at].map(([number, text]) => [`[${number}]`, text])),
    });
  return {
    of: (number: number, event: ProgressEvent): void => {
      at.set(number, `${event.task} ${Math.round((100 * event.done) / Math.max(1, event.total))}%`);
      show();
    },
    done: (number: number): void => {
      done++;
      at.delete(number);
      show();
    },
  };
}
