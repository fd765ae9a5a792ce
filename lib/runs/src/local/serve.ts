/**
 * What a worker's module calls: opens what it works in, then carries out tasks, one after the other. When it
 * is told to stop, or the other process is gone, it ends between two steps with a checkpoint.
 */
import { errorMessage, type Progress, UserError } from 'oabn-base';
import { isMachineFault } from '../faults.js';
import type { Answer, Failed, Order } from './messages.js';

/** What a worker's process does. */
export interface Service<Setup, Bench, Task, Result> {
  /** Opens what tasks are carried out in. `signal` fires when the work is to end between two steps. */
  open(setup: Setup, ports: ServicePorts): Promise<Bench>;
  /** Carries out a task; what it returns is anything that a structured clone can hold. */
  carryOut(task: Task, bench: Bench): Promise<Result>;
}

/** What a worker can send to the process that started it. */
export interface ServicePorts {
  /** Reports progress to the process that started this one. */
  readonly progress: Progress;
  /** Takes messages for the user, a line each; default standard error. */
  readonly notice: (message: string) => void;
  /** Aborts when the work is to end between two steps. */
  readonly signal: AbortSignal;
}

/** Serves the process that forked this one, until it is told to stop or that process is gone. */
export function serve<Setup, Bench, Task, Result>({
  open,
  carryOut,
}: Service<Setup, Bench, Task, Result>): void {
  const stopping = new AbortController();
  const answer = (message: Answer<Result>): void => {
    if (process.connected) process.send!(message, undefined, undefined, () => undefined);
  };
  const ports: ServicePorts = {
    progress: (event) => answer({ kind: 'progress', event }),
    notice: (message) => answer({ kind: 'notice', message }),
    signal: stopping.signal,
  };
  let bench: Bench;
  const obey = async (order: Exclude<Order<Setup, Task>, { kind: 'stop' }>): Promise<void> => {
    if (order.kind === 'task') return answer({ kind: 'done', result: await carryOut(order.task, bench) });
    bench = await open(order.setup, ports);
    answer({ kind: 'ready' });
  };
  /** Orders are carried out one after the other. */
  let work = Promise.resolve();
  // What remains is the command that this process runs for.
  process.argv.splice(1, 1);
  process.on('message', (order: Order<Setup, Task>) => {
    if (order.kind === 'stop') return stopping.abort();
    work = work
      .then(() => obey(order))
      .catch((error: unknown) => {
        const ofTask = order.kind === 'task' && !stopping.signal.aborted && !isMachineFault(error);
        answer({ kind: 'failed', ofTask, ...described(error) });
      });
  });
  // Ctrl-C reaches every process of a terminal; the one that hands out the tasks decides what happens.
  process.on('SIGINT', () => undefined);
  // All processes of a preempted job are told to end: this one does so with a checkpoint, like the one that
  // hands out the tasks.
  for (const name of ['SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () =>
      stopping.abort(
        new UserError(`A worker process was ended by ${name}; run again to continue from its checkpoint`),
      ),
    );
  }
  // What it prints is only for show: its reader may be gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.on('disconnect', () => {
    stopping.abort();
    void work.finally(() => process.exit());
  });
}

function described(error: unknown): Pick<Failed, 'message' | 'mendable'> {
  const mendable = error instanceof UserError;
  const message = !mendable && error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
  return { message, mendable };
}
