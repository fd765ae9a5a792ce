/** A child process that computes one job at a time, as the worker sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage, type ProgressEvent } from 'oabn-base';
import type { QueueJob } from './job.js';
import type { Answer, Failure, Order } from './messages.js';

export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'stopped' }
  | ({ readonly kind: 'failed' } & Failure)
  /** The process ended under the run. */
  | { readonly kind: 'died'; readonly message: string };

export interface ComputerOptions {
  /** The URL of the module that exports `createExecutor`. */
  readonly module: string;
  /** The folder of the local store. */
  readonly runs: string;
  readonly options: unknown;
  readonly environment: Readonly<Record<string, string>>;
  readonly notice: (message: string) => void;
}

export interface Computer {
  /**
   * Computes `job`; it stops with a checkpoint when `stop` aborts, and is killed if it has not done so
   * `graceSeconds` later.
   */
  run(
    job: QueueJob,
    data: string | undefined,
    stop: AbortSignal,
    progress: (event: ProgressEvent) => void,
  ): Promise<Outcome>;
  end(): Promise<void>;
}

const graceSeconds = 120;

/** Starts the process when the first job comes, and again if it died. */
export function computer(options: ComputerOptions): Computer {
  let child: ChildProcess | undefined;
  let hear: (answer: Answer) => void = () => undefined;

  const begin = (): ChildProcess => {
    // Next to this file, compiled or not as this one is.
    const script = fileURLToPath(new URL(`child${extname(import.meta.url)}`, import.meta.url));
    const begun = fork(script, process.argv.slice(1), {
      serialization: 'advanced',
      env: { ...process.env, ...options.environment },
    });
    begun.on('message', (answer: Answer) =>
      answer.kind === 'notice' ? options.notice(answer.message) : hear(answer),
    );
    begun.on('error', () => undefined); // The run that it was started for says so.
    const { module, runs, options: more } = options;
    send(begun, { kind: 'open', module, runs, options: more });
    return begun;
  };

  return {
    async run(job, data, stop, progress) {
      const runner = child && isAlive(child) ? child : (child = begin());
      let killer: NodeJS.Timeout | undefined;
      const onStop = (): void => {
        send(runner, { kind: 'stop', hash: job.hash });
        killer = setTimeout(() => runner.kill('SIGKILL'), 1000 * graceSeconds);
      };
      const ended = new AbortController();
      try {
        return await new Promise<Outcome>((resolve) => {
          hear = (answer) => {
            if (answer.kind === 'progress') progress(answer.event);
            else if (answer.kind === 'done' || answer.kind === 'stopped' || answer.kind === 'failed')
              resolve(answer);
          };
          void once(runner, 'exit', { signal: ended.signal }).then(
            ([code, signal]) => {
              const how = (signal as string | null) ?? `exit code ${code}`;
              resolve(
                stop.aborted
                  ? { kind: 'stopped' }
                  : { kind: 'died', message: `Its process ended (${how}), perhaps because memory ran out` },
              );
            },
            (error: unknown) => {
              // A process that cannot be started never exits.
              if (ended.signal.aborted) return;
              const message = `Its process cannot be started: ${errorMessage(error)}`;
              resolve({ kind: 'failed', message, machine: true, begun: false });
            },
          );
          send(runner, { kind: 'run', job, ...(data !== undefined && { data }) });
          if (stop.aborted) onStop();
          else stop.addEventListener('abort', onStop);
        });
      } finally {
        stop.removeEventListener('abort', onStop);
        clearTimeout(killer);
        ended.abort();
        hear = () => undefined;
      }
    },
    async end() {
      if (!child || !isAlive(child)) return;
      const exited = once(child, 'exit');
      if (child.connected) child.disconnect();
      const killer = setTimeout(() => child!.kill('SIGKILL'), 1000 * graceSeconds);
      await exited;
      clearTimeout(killer);
    },
  };
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

function send(child: ChildProcess, order: Order): void {
  // One that cannot be reached has ended, which is reported elsewhere.
  if (child.connected) child.send(order, () => undefined);
}
