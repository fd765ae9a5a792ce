/**
 * A toy run in a process of its own, for the tests that kill it: a deterministic computation whose state,
 * metrics and checkpoints go through the store. It can kill itself with SIGKILL at its n-th file operation,
 * half-way through a write included, which no timing from outside would hit.
 *
 *     node --import tsx lib/runs/test/store/storeChild.ts '{"folder": …, "config": {…}, "crashAt": 17}'
 */
import fsSync from 'node:fs';
import { basename, join } from 'node:path';
import { watchFileOperations } from './fileOperations.js';
import type { ToyConfig } from './storeToy.js';

export interface ChildOptions {
  readonly folder: string;
  readonly config: ToyConfig;
  /** Kill itself at this file operation, counted from 1. */
  readonly crashAt?: number;
  /** Pause in each step, as long as there is no file `hurry`. */
  readonly milliseconds?: number;
  readonly hurry?: string;
  /** A file that exists while one process executes; a second that finds it says so. */
  readonly busyFile?: string;
  readonly noWait?: boolean;
  readonly fail?: boolean;
}

const options = JSON.parse(process.argv[2]!) as ChildOptions;
/** What was done to which file, in order. */
let operations: string[] = [];

/** Notes a file operation; the one to crash at is done by half, and then this process is no more. */
function note(operation: string, path: string, half?: () => void): void {
  operations.push(`${operation} ${basename(path)}`);
  if (operations.length !== options.crashAt) return;
  half?.();
  process.kill(process.pid, 'SIGKILL');
}

await watchFileOperations(note);
const { openStore } = await import('../../src/store/index.js');
const { toyRun } = await import('./storeToy.js');
const notices: string[] = [];
const store = openStore(options.folder, { notice: (message) => notices.push(message) });
operations = [];
process.stdout.write('ready\n');
try {
  const run = await store.request(
    options.config,
    async (context) => {
      if (options.busyFile !== undefined) {
        fsSync.writeFileSync(options.busyFile, String(process.pid), { flag: 'wx' });
        fsSync.appendFileSync(join(options.folder, 'executions'), `${process.pid}\n`);
      }
      process.stdout.write('executing\n');
      if (options.fail) throw new Error('the toy broke');
      const { milliseconds = 0, hurry } = options;
      const inHurry = (): boolean => hurry !== undefined && fsSync.existsSync(hurry);
      const result = await toyRun(context, () => (inHurry() ? 0 : milliseconds));
      if (options.busyFile !== undefined) fsSync.rmSync(options.busyFile);
      return result;
    },
    { noWait: options.noWait ?? false, provenance: { backend: 'toy' } },
  );
  process.stdout.write(`${JSON.stringify({ from: run.from, result: run.result, operations, notices })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: (error as Error).message, name: (error as Error).name })}\n`,
  );
  process.exitCode = 1;
}
