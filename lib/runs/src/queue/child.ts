/**
 * The process that computes. It is told which module to load and which runs to compute; when the worker is
 * gone, it stops with a checkpoint and ends. Signals that reach all processes of a terminal or of a Slurm
 * step are for the worker to handle.
 */
import { errorMessage, UserError } from 'oabn-base';
import type { CreateExecutor, Executor } from './executor.js';
import { isMachineFault } from '../faults.js';
import type { Answer, Failure, Order } from './messages.js';

let executor: Executor | undefined;
let running: { readonly hash: string; readonly stop: AbortController } | undefined;
/** The run that is to stop, which may not have begun yet. */
let toStop: string | undefined;
let work = Promise.resolve();

const answer = (message: Answer): void => {
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
};

async function open({ module, runs, options }: Extract<Order, { kind: 'open' }>): Promise<void> {
  const notice = (message: string): void => answer({ kind: 'notice', message });
  try {
    const { createExecutor } = (await import(module)) as { createExecutor?: CreateExecutor };
    if (!createExecutor) throw new UserError(`${module} does not export createExecutor`);
    executor = await createExecutor({ runs, notice, options });
  } catch (error) {
    // No run's fault: none can be computed here.
    const failed: Answer = { kind: 'failed', ...failure(error), machine: true, begun: false };
    process.send!(failed, undefined, undefined, () => process.exit(1));
  }
}

async function run({ job, data }: Extract<Order, { kind: 'run' }>): Promise<void> {
  if (!executor) return;
  const stop = new AbortController();
  const { signal } = stop;
  running = { hash: job.hash, stop };
  if (toStop === job.hash || !process.connected) stop.abort();
  const stopIfAlone = (): void => stop.abort();
  process.once('disconnect', stopIfAlone);
  try {
    await executor(job, {
      signal,
      progress: (event) => answer({ kind: 'progress', event }),
      ...(data !== undefined && { data }),
    });
    answer({ kind: 'done' });
  } catch (error) {
    // A run that fails while it is told to stop has failed, unless the error is just how stopping shows.
    const stopped = signal.aborted && (error === signal.reason || (error as Error).name === 'AbortError');
    answer(stopped ? { kind: 'stopped' } : { kind: 'failed', ...failure(error) });
  } finally {
    process.off('disconnect', stopIfAlone);
    running = toStop = undefined;
  }
}

function failure(error: unknown): Failure {
  return {
    message: errorMessage(error),
    ...(!(error instanceof UserError) && error instanceof Error && { stack: error.stack ?? '' }),
    machine: isMachineFault(error),
  };
}

// What remains is the command that this process runs for, which is part of a run's provenance.
process.argv.splice(1, 1);
process.on('message', (order: Order) => {
  if (order.kind === 'stop') {
    toStop = order.hash;
    if (running?.hash === order.hash) running.stop.abort();
    return;
  }
  const next = order.kind === 'open' ? () => open(order) : () => run(order);
  work = work.then(next).catch((error: unknown) => answer({ kind: 'failed', ...failure(error) }));
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => void work.finally(() => process.exit()));
