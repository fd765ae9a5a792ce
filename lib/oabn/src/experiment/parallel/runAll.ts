/**
 * Many runs, several at a time. A small network's steps leave cores idle where they wait for each other; as many
 * processes as cores, each with a thread of its own, keep them busy. The results are what one process would compute.
 */
import { availableParallelism, totalmem } from 'node:os';
import { check, configHash, type Progress, type ProgressEvent, silent } from 'oabn-base';
import { threadsAsked } from 'tfjs-native';
import { normalizeConfig, type RunConfig } from '../config.js';
import type { Lab } from '../lab.js';
import { type ResultOf, run } from '../run.js';
import type { StoredRun } from 'provable-runs';
import type { Job } from '../job.js';
import { toStandardError, type Worker, withWorkers } from './crew.js';
import { schedule } from './schedule.js';

export interface RunAllOptions {
  /** Processes; default `defaultWorkers`. 1 computes in this one. */
  readonly workers?: number;
  readonly progress?: Progress;
  /** Hears of each run that was computed, how many are done, and of how many. */
  readonly onComputed?: (config: RunConfig, done: number, total: number) => void;
  readonly notice?: (message: string) => void;
}

/** Memory that a process with both datasets and a small network's step is given. */
const bytesOfWorker = 2 * 2 ** 30;

/**
 * As many as cores (or `OABN_THREADS` of them each) where steps run on them, and as memory holds; one where a GPU or a library with
 * threads of its own works.
 */
export function defaultWorkers(labs: readonly Lab[]): number {
  const onCores = labs.every(({ engine, backend }) => engine.kind === 'onnxruntime' || backend === 'wasm');
  if (!onCores) return 1;
  const [byCores, byMemory] = [availableParallelism() / (threadsAsked() ?? 1), totalmem() / bytesOfWorker];
  return Math.max(1, Math.floor(Math.min(byCores, byMemory)));
}

/**
 * The runs of `jobs`, in their order, computing what the store does not have.
 * @throws UserError when a run fails as `run` does, or a worker is killed; the reason of a lab's signal when
 * that fires, which ends every process between two steps. What is done stays.
 */
export async function runAll(
  jobs: readonly Job[],
  options: RunAllOptions = {},
): Promise<StoredRun<ResultOf<RunConfig>>[]> {
  const labs = [...new Set(jobs.map(({ lab }) => lab))];
  const { workers = defaultWorkers(labs), onComputed } = options;
  check(
    Number.isInteger(workers) && workers > 0,
    () => `The number of processes must be a whole number ≥ 1, got ${workers}`,
  );
  const missing = await notStored(jobs);
  const computed = new Set<Job>();
  let done = jobs.length - missing.length;
  const note = (job: Job, from: StoredRun['from']): void => {
    done++;
    if (from !== 'computed') return;
    computed.add(job);
    onComputed?.(job.config, done, jobs.length);
  };
  const processes = Math.min(workers, missing.length);
  if (processes > 1) await inWorkers(missing, processes, note, options);
  const results: StoredRun<ResultOf<RunConfig>>[] = [];
  for (const job of jobs) {
    const result = await run(job.config, job.lab);
    if (processes === 1 && result.from === 'computed') note(job, result.from);
    results.push(computed.has(job) ? { ...result, from: 'computed' } : result);
  }
  return results;
}

async function notStored(jobs: readonly Job[]): Promise<Job[]> {
  const done = new Map<Lab, Set<string>>();
  for (const { lab } of jobs) {
    if (done.has(lab)) continue;
    const finished = (await lab.store.list()).filter(({ status }) => status === 'done');
    done.set(lab, new Set(finished.map(({ hash }) => hash)));
  }
  return jobs.filter(({ lab, config }) => !done.get(lab)!.has(configHash(normalizeConfig(config))));
}

/** Computes `jobs` in `count` worker processes. */
async function inWorkers(
  jobs: readonly Job[],
  count: number,
  note: (job: Job, from: StoredRun['from']) => void,
  { progress = silent, notice = toStandardError }: RunAllOptions,
): Promise<void> {
  const labs = [...new Set(jobs.map(({ lab }) => lab))];
  const plan = schedule(jobs);
  const shown = sharedProgress(jobs.length, progress);
  const idle = new Set<Worker>();
  const busy = new Map<Worker, number>();
  await withWorkers(labs, count, notice, (worker, answer) => {
    if (answer.kind === 'progress') {
      shown.of(worker.number, answer.event);
      return false;
    }
    if (answer.kind === 'done') {
      const index = busy.get(worker)!;
      busy.delete(worker);
      plan.done(index);
      shown.done(worker.number);
      note(jobs[index]!, answer.from);
    }
    idle.add(worker);
    for (const free of idle) {
      const next = plan.next(free.number);
      if (next === undefined) continue;
      idle.delete(free);
      busy.set(free, next);
      const { lab, config } = jobs[next]!;
      free.send({ kind: 'run', lab: labs.indexOf(lab), config });
    }
    return busy.size === 0 && plan.left === 0;
  });
}

/** One progress for all workers: runs done, and what each of them is at. */
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
