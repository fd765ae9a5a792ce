/**
 * Many jobs, several at a time, in processes of their own. What the store has is not computed again; the
 * results are what one process would compute, in the order of the plan.
 */
import { check, type Progress, type ProgressEvent, silent } from 'oabn-base';
import type { Store, StoredRun } from '../store/index.js';
import { type Crew, type Worker, withWorkers } from './crew.js';
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
  /** Called as the work proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** Called after each job that was computed, with how many of how many are done. */
  readonly onComputed?: (job: J, done: number, total: number) => void;
  /** Takes messages for the user, a line each; default standard error. */
  readonly notice?: (message: string) => void;
}

/**
 * The results of `jobs`, in their order, computing what the stores do not have.
 * @throws UserError when a job fails as `request` does, or a worker is killed; the reason of a signal of the
 * crew when that fires, which ends every process between two steps. What is done stays.
 */
export async function runJobs<J extends PoolJob, Run extends StoredRun>(
  jobs: readonly J[],
  options: PoolOptions<J, Run>,
): Promise<Run[]> {
  const { workers, storeOf, request, onComputed } = options;
  check(
    Number.isInteger(workers) && workers > 0,
    () => `The number of processes must be a whole number ≥ 1, got ${workers}`,
  );
  const missing = await notStored(jobs, storeOf);
  const computed = new Set<J>();
  let done = jobs.length - missing.length;
  const note = (job: J, from: StoredRun['from']): void => {
    done++;
    if (from !== 'computed') return;
    computed.add(job);
    onComputed?.(job, done, jobs.length);
  };
  const processes = Math.min(workers, missing.length);
  if (processes > 1) await inWorkers(missing, processes, note, options);
  const here = processes > 1 ? new Map<J, Run>() : await inThisProcess(missing, request, note);
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

/** Computes `jobs` in the order of a schedule. */
async function inThisProcess<J extends PoolJob, Run extends StoredRun>(
  jobs: readonly J[],
  request: (job: J) => Promise<Run>,
  note: (job: J, from: StoredRun['from']) => void,
): Promise<Map<J, Run>> {
  const plan = schedule(jobs);
  const made = new Map<J, Run>();
  for (let next = plan.next(0); next !== undefined; next = plan.next(0)) {
    const job = jobs[next]!;
    const result = await request(job);
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
  note: (job: J, from: StoredRun['from']) => void,
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
      idle.add(worker);
      for (const free of idle) {
        const next = plan.next(free.number);
        if (next === undefined) continue;
        idle.delete(free);
        busy.set(free, next);
        free.send(jobs[next]!.task);
      }
      check(
        busy.size > 0 || plan.left === 0,
        () =>
          `${plan.left} of the jobs wait for each other: what they need is made only by jobs that need them`,
      );
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
