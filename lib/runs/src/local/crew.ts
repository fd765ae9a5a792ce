/** Worker processes: started with what they need to open, given work until it is done, and ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { UserError } from 'oabn-base';
import type { Answer, Failed, Order } from './messages.js';

/** How workers are started. */
export interface Crew<Setup = unknown> {
  /** The module that a worker runs; it calls `serve`. */
  readonly module: string | URL;
  /** What each worker opens first: anything that a structured clone can hold. */
  readonly setup: Setup;
  /** Environment variables in addition to this process's own, for a crew of this many workers. */
  readonly environment?: (workers: number) => Readonly<Record<string, string>>;
  /** Each of them, when it fires, ends the work between two steps. */
  readonly signals?: readonly AbortSignal[];
}

/** A process that carries out tasks. */
export interface Worker<Task> {
  /** From 1 on. */
  readonly number: number;
  /** Hands it a task; a worker does its tasks one after the other. */
  send(task: Task): void;
}

/** How many processes, and where their notices go. */
export interface CrewOptions {
  /** Processes. */
  readonly workers: number;
  /** Called once for a message that several workers send; default standard error. */
  readonly notice?: (message: string) => void;
}

/** An answer that belongs to the work; what ends a worker is dealt with here. */
export type WorkAnswer<Result> =
  | Exclude<Answer<Result>, { kind: 'failed' | 'notice' }>
  /** A task failed, through its own fault; the worker can go on with others. */
  | { readonly kind: 'failed'; readonly error: Error };

/** The default of `notice`. */
export const toStandardError = (message: string): void => void process.stderr.write(`${message}\n`);

/**
 * Starts the workers of a crew, and passes their answers on to `hear` until that says that all is done. The
 * first answer of each worker is `ready`. An error that `hear` throws ends the work. Whatever happens, all of them are ended in the end, between two
 * steps.
 * @throws UserError with what a worker reports, or saying that it was killed; the reason of one of the crew's
 * signals when that fires
 */
export async function withWorkers<Setup, Task, Result>(
  { module, setup, environment = () => ({}), signals = [] }: Crew<Setup>,
  { workers: count, notice = toStandardError }: CrewOptions,
  hear: (worker: Worker<Task>, answer: WorkAnswer<Result>) => boolean,
): Promise<void> {
  const reasonToStop = (): unknown => signals.find((signal) => signal.aborted)?.reason;
  const variables = environment(count);
  const workers = Array.from({ length: count }, (_, i) => begin<Setup, Task>(i + 1, module, variables));
  const stop = (): void => workers.forEach((worker) => worker.tell({ kind: 'stop' }));
  for (const signal of signals) signal.addEventListener('abort', stop);
  const said = new Set<string>();
  try {
    await new Promise<void>((resolve, reject) => {
      const heard = (worker: Worker<Task>, answer: Answer<Result>): void => {
        if (answer.kind === 'notice') {
          if (!said.has(answer.message)) notice(answer.message);
          said.add(answer.message);
        } else if (answer.kind !== 'progress' && reasonToStop() !== undefined) {
          reject(reasonToStop() as Error);
        } else if (answer.kind === 'failed') {
          const error = errorOf(worker, answer);
          if (!answer.ofTask) reject(error);
          else if (hear(worker, { kind: 'failed', error })) resolve();
        } else if (hear(worker, answer)) {
          resolve();
        }
      };
      for (const worker of workers) {
        worker.process.on('message', (answer: Answer<Result>) => {
          try {
            heard(worker, answer);
          } catch (error) {
            reject(error as Error);
          }
        });
        worker.process.on('error', reject);
        worker.process.on('exit', (code, killed) => reject(ended(worker, killed ?? `exit code ${code}`)));
        worker.tell({ kind: 'open', setup });
      }
    });
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

interface Process<Setup, Task> extends Worker<Task> {
  readonly process: ChildProcess;
  tell(order: Order<Setup, Task>): void;
  /** Waits until it has ended, between two steps of its work. */
  end(): Promise<void>;
}

function begin<Setup, Task>(
  number: number,
  module: string | URL,
  environment: Readonly<Record<string, string>>,
): Process<Setup, Task> {
  // It runs for this process's command, and its results say so.
  const child = fork(module, process.argv.slice(1), {
    serialization: 'advanced',
    env: { ...process.env, ...environment },
  });
  // One that cannot be started never exits, which is reported elsewhere.
  const exited = once(child, 'exit').catch(() => undefined);
  const tell = (order: Order<Setup, Task>): void => {
    // One that cannot be reached has ended, which is reported elsewhere.
    if (child.connected) child.send(order, () => undefined);
  };
  return {
    number,
    process: child,
    tell,
    send: (task) => tell({ kind: 'task', task }),
    end: async () => {
      const gone = child.exitCode !== null || child.signalCode !== null;
      if (child.connected) child.disconnect();
      if (!gone) await exited;
    },
  };
}

const errorOf = ({ number }: Worker<never>, { message, mendable }: Failed): Error =>
  mendable ? new UserError(message) : new Error(`In worker process ${number}: ${message}`);

const ended = ({ number }: Worker<never>, how: string): UserError =>
  new UserError(
    `Worker process ${number} ended (${how}), perhaps because memory ran out. Run again to continue from the last checkpoints, ` +
      'with fewer processes if memory was the reason.',
  );
