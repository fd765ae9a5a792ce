/** Worker processes: begun with labs like ours, talked to until what they do is done, and ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from 'oabn-base';
import { threadsAsked } from 'tfjs-native';
import type { Lab } from '../lab.js';
import type { Answer, Order } from './messages.js';

export interface Worker {
  readonly number: number;
  send(order: Order): void;
}

/** An answer that belongs to the work; what went wrong is dealt with here. */
export type WorkAnswer = Exclude<Answer, { kind: 'failed' | 'notice' }>;

export const toStandardError = (message: string): void => void process.stderr.write(`${message}\n`);

/** Threads of each of `workers` processes: `OABN_THREADS`, or its share of the cores. */
export function threadsEach(workers: number): number {
  return threadsAsked() ?? Math.max(1, Math.floor(availableParallelism() / workers));
}

/**
 * Begins `count` workers that open `labs`, and passes on to `hear` what they answer, until it says that all is done. Each
 * worker is `ready` first. Ends all of them, whatever happens, between two steps.
 * @throws UserError what a worker reports, or that it was killed; the reason of a lab's signal when that fires
 */
export async function withWorkers(
  labs: readonly Lab[],
  count: number,
  notice: (message: string) => void,
  hear: (worker: Worker, answer: WorkAnswer) => boolean,
): Promise<void> {
  const signals = [...new Set(labs.flatMap(({ signal }) => signal ?? []))];
  const reasonToStop = (): unknown => signals.find((signal) => signal.aborted)?.reason;
  // The backend by its name: what `auto` has to say was said here.
  const environment = { OABN_BACKEND: labs[0]!.backend, OABN_THREADS: String(threadsEach(count)) };
  const workers = Array.from({ length: count }, (_, i) => begin(i + 1, environment));
  const stop = (): void => workers.forEach((worker) => worker.send({ kind: 'stop' }));
  for (const signal of signals) signal.addEventListener('abort', stop);
  const said = new Set<string>();
  try {
    await new Promise<void>((resolve, reject) => {
      const heard = (worker: Worker, answer: Answer): void => {
        if (answer.kind === 'notice') {
          if (!said.has(answer.message)) notice(answer.message);
          said.add(answer.message);
        } else if (answer.kind !== 'progress' && reasonToStop() !== undefined) {
          reject(reasonToStop() as Error);
        } else if (answer.kind === 'failed') {
          const { message, mendable } = answer;
          reject(
            mendable ? new UserError(message) : new Error(`In worker process ${worker.number}: ${message}`),
          );
        } else if (hear(worker, answer)) {
          resolve();
        }
      };
      for (const worker of workers) {
        worker.process.on('message', (answer: Answer) => {
          try {
            heard(worker, answer);
          } catch (error) {
            reject(error as Error);
          }
        });
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

interface Process extends Worker {
  readonly process: ChildProcess;
  /** Waits until it has ended, between two steps of what it is at. */
  end(): Promise<void>;
}

function begin(number: number, environment: Readonly<Record<string, string>>): Process {
  // Beside this file, compiled or not as this one is.
  const script = fileURLToPath(new URL(`worker${extname(import.meta.url)}`, import.meta.url));
  // It runs for this process's command, and says so in what it makes.
  const child = fork(script, process.argv.slice(1), {
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

const ended = ({ number }: Worker, how: string): UserError =>
  new UserError(
    `Worker process ${number} ended (${how}), perhaps for want of memory. Ask again to go on from the last checkpoints, ` +
      'with fewer processes if memory was short.',
  );
