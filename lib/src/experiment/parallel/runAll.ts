/**
 * Many runs, several at a time. A small network's steps leave cores idle where they wait for each other; as many
 * processes as cores, each with a thread of its own, keep them busy. The results are what one process would compute.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, totalmem } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, configHash, type Progress, type ProgressEvent, silent, UserError } from '../../base/index.js';
import { normalizeConfig, type RunConfig } from '../config.js';
import type { Lab } from '../lab.js';
import { type ResultOf, run } from '../run.js';
import type { StoredRun } from '../store/index.js';
import type { Job } from '../studies/index.js';
import type { Answer, Order } from './messages.js';
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

/** As many as cores where steps run on them, and as memory holds; one where a GPU or a library with threads of its own works. */
export function defaultWorkers(labs: readonly Lab[]): number {
  const onCores = labs.every(({ engine, backend }) => engine.kind === 'onnxruntime' || backend === 'wasm');
  if (!onCores) return 1;
  return Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / bytesOfWorker)));
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

/** Computes `jobs` in worker processes, and ends these whatever happens. */
async function inWorkers(
  jobs: readonly Job[],
  count: number,
  note: (job: Job, from: StoredRun['from']) => void,
  { progress = silent, notice = (message) => process.stderr.write(`${message}\n`) }: RunAllOptions,
): Promise<void> {
  const labs = [...new Set(jobs.map(({ lab }) => lab))];
  const signals = [...new Set(labs.flatMap(({ signal }) => signal ?? []))];
  const aborted = (): AbortSignal | undefined => signals.find((signal) => signal.aborted);
  const plan = schedule(jobs);
  const said = new Set<string>();
  const sayOnce = (message: string): void => {
    if (!said.has(message)) notice(message);
    said.add(message);
  };
  const shown = sharedProgress(jobs.length, progress);
  const idle = new Set<Worker>();
  // The backend by its name: what `auto` has to say was said here.
  const environment = { OABN_BACKEND: labs[0]!.backend, OABN_THREADS: String(threadsEach(count)) };
  const workers = Array.from({ length: count }, (_, i) => startWorker(i + 1, environment));
  const stop = (): void => workers.forEach((worker) => worker.send({ kind: 'stop' }));
  for (const signal of signals) signal.addEventListener('abort', stop);
  try {
    await new Promise<void>((resolve, reject) => {
      const busy = new Map<Worker, number>();
      const handOut = (): void => {
        for (const worker of idle) {
          const next = aborted() ? undefined : plan.next(worker.number);
          if (next === undefined) continue;
          idle.delete(worker);
          busy.set(worker, next);
          const { lab, config } = jobs[next]!;
          worker.send({ kind: 'run', lab: labs.indexOf(lab), config });
        }
        if (busy.size > 0) return;
        if (aborted()) reject(aborted()!.reason as Error);
        else if (plan.left === 0) resolve();
      };
      const heard = (worker: Worker, answer: Answer): void => {
        switch (answer.kind) {
          case 'progress':
            return shown.of(worker.number, answer.event);
          case 'notice':
            return sayOnce(answer.message);
          case 'failed':
            return reject((aborted()?.reason as Error | undefined) ?? failed(worker, answer));
          case 'ready':
            break;
          case 'done': {
            const index = busy.get(worker)!;
            busy.delete(worker);
            plan.done(index);
            shown.done(worker.number);
            note(jobs[index]!, answer.from);
            break;
          }
          default:
            return answer satisfies never;
        }
        idle.add(worker);
        handOut();
      };
      for (const worker of workers) {
        worker.process.on('message', (answer: Answer) => heard(worker, answer));
        worker.process.on('error', reject);
        worker.process.on('exit', (code, killed) => reject(ended(worker, killed ?? `exit code ${code}`)));
        worker.send({ kind: 'open', labs: labs.map(({ recipe }) => recipe) });
      }
    });
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

interface Worker {
  readonly number: number;
  readonly process: ChildProcess;
  send(order: Order): void;
  /** Waits until it has ended, between two steps of what it is at. */
  end(): Promise<void>;
}

/** Threads of each of `workers` processes: `OABN_THREADS`, or its share of the cores. */
export function threadsEach(workers: number): number {
  const asked = process.env.OABN_THREADS;
  return asked ? Number(asked) : Math.max(1, Math.floor(availableParallelism() / workers));
}

function startWorker(number: number, environment: Record<string, string>): Worker {
  // Beside this file, compiled or not as this one is.
  const script = fileURLToPath(new URL(`worker${extname(import.meta.url)}`, import.meta.url));
  const child = fork(script, {
    serialization: 'advanced',
    env: { ...process.env, ...environment },
  });
  const exited = once(child, 'exit');
  return {
    number,
    process: child,
    send: (order) => {
      // One that cannot hear has ended, and its end is heard of.
      if (child.connected) child.send(order, () => undefined);
    },
    end: async () => {
      const gone = child.exitCode !== null || child.signalCode !== null;
      if (child.connected) child.disconnect();
      if (!gone) await exited;
    },
  };
}

function failed({ number }: Worker, { message, mendable }: Extract<Answer, { kind: 'failed' }>): Error {
  return mendable ? new UserError(message) : new Error(`In worker process ${number}: ${message}`);
}

const ended = ({ number }: Worker, how: number | string): UserError =>
  new UserError(
    `Worker process ${number} ended (${how}), perhaps for want of memory. Ask again to go on from the last checkpoints, ` +
      'with fewer processes if memory was short.',
  );

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
