/**
 * A toy run in a process of its own, for the tests that kill it: a deterministic computation whose state, metrics and
 * checkpoints go through the store. It can kill itself with SIGKILL at its n-th file operation, half-way through a
 * write included, which no timing from outside would hit.
 *
 *     node --import tsx test/experiment/storeChild.ts '{"folder": …, "config": {…}, "crashAt": 17}'
 */
import fsSync from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import type { ToyConfig } from './storeToy.js';

export interface ChildOptions {
  readonly folder: string;
  readonly config: ToyConfig;
  /** Kill itself at this file operation, counted from the first after start. */
  readonly crashAt?: number;
  /** Pause in each step. */
  readonly milliseconds?: number;
  /** A file that exists while one process executes; a second that finds it says so. */
  readonly busyFile?: string;
  readonly noWait?: boolean;
  readonly fail?: boolean;
}

const options = JSON.parse(process.argv[2]!) as ChildOptions;
let operations = 0;

/** Counts a file operation; at `crashAt` does its first half, then dies. */
function tick(half?: () => void): void {
  if (++operations !== options.crashAt) return;
  half?.();
  process.kill(process.pid, 'SIGKILL');
}

type Operation = (...args: unknown[]) => unknown;

async function countFileOperations(): Promise<void> {
  const wrap = (target: object, name: string, half?: (...args: unknown[]) => void): void => {
    const operation = (target as Record<string, Operation>)[name]!;
    (target as Record<string, Operation>)[name] = function (this: unknown, ...args: unknown[]) {
      tick(half && (() => half.apply(this, args)));
      return operation.apply(this, args);
    };
  };
  const firstHalf = (data: unknown): Uint8Array => {
    const bytes = Buffer.from(data as Uint8Array);
    return bytes.subarray(0, bytes.length >> 1);
  };
  const writeSync = fsSync.writeSync;
  const probe = await fs.open(process.execPath, 'r');
  const handles = Object.getPrototypeOf(probe) as object;
  await probe.close();
  for (const name of ['mkdir', 'open', 'rename', 'rm', 'link', 'readFile', 'readdir', 'stat']) wrap(fs, name);
  for (const name of ['sync', 'close']) wrap(handles, name);
  wrap(handles, 'writeFile', function (this: FileHandle, data) {
    writeSync(this.fd, firstHalf(data));
  });
  wrap(fsSync, 'writeSync', (file, data) => {
    writeSync(file as number, firstHalf(data));
  });
  wrap(fsSync, 'fsyncSync');
  wrap(fsSync, 'renameSync');
  syncBuiltinESMExports();
}

await countFileOperations();
const { openStore } = await import('../../lib/src/experiment/store/index.js');
const { toyRun } = await import('./storeToy.js');
const notices: string[] = [];
const store = openStore(options.folder, { notice: (message) => notices.push(message) });
operations = 0;
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
      const result = await toyRun(context, options.milliseconds ?? 0);
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
