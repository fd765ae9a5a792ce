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
import { basename, join } from 'node:path';
import type { ToyConfig } from './storeToy.js';

export interface ChildOptions {
  readonly folder: string;
  readonly config: ToyConfig;
  /** Kill itself at this file operation, counted from 1. */
  readonly crashAt?: number;
  /** Pause in each step. */
  readonly milliseconds?: number;
  /** A file that exists while one process executes; a second that finds it says so. */
  readonly busyFile?: string;
  readonly noWait?: boolean;
  readonly fail?: boolean;
}

const options = JSON.parse(process.argv[2]!) as ChildOptions;
/** What was done to which file, in order. */
let operations: string[] = [];

/** Notes a file operation; the one to crash at is done by half, and then this process is no more. */
function note(operation: string, path: unknown, half?: () => void): void {
  operations.push(`${operation} ${typeof path === 'string' ? basename(path) : ''}`);
  if (operations.length !== options.crashAt) return;
  half?.();
  process.kill(process.pid, 'SIGKILL');
}

type Operation = (...args: unknown[]) => unknown;

/** Replaces `object[name]` by one that first calls `before` with its `this` and arguments. */
function wrap(object: object, name: string, before: (self: unknown, args: unknown[]) => void): void {
  const operation = (object as Record<string, Operation>)[name]!;
  (object as Record<string, Operation>)[name] = function (this: unknown, ...args: unknown[]) {
    before(this, args);
    return operation.apply(this, args);
  };
}

async function noteFileOperations(): Promise<void> {
  const { writeSync } = fsSync;
  const paths = new Map<number, string>();
  const writeHalf = (file: number, data: unknown): void => {
    const bytes = Buffer.from(data as Uint8Array);
    writeSync(file, bytes, 0, bytes.length >> 1);
  };
  const probe = await fs.open(process.execPath, 'r');
  const handles = Object.getPrototypeOf(probe) as object;
  await probe.close();
  for (const name of ['mkdir', 'rename', 'rm', 'link', 'readFile', 'readdir', 'stat']) {
    wrap(fs, name, (_, args) => note(name, args[0]));
  }
  const { open } = fs;
  fs.open = async (path, ...rest) => {
    note('open', path);
    const handle = await open(path, ...rest);
    paths.set(handle.fd, path as string);
    return handle;
  };
  for (const name of ['sync', 'close']) {
    wrap(handles, name, (handle) => note(name, paths.get((handle as FileHandle).fd)));
  }
  wrap(handles, 'writeFile', (handle, [data]) => {
    const { fd } = handle as FileHandle;
    note('writeFile', paths.get(fd), () => writeHalf(fd, data));
  });
  wrap(fsSync, 'writeSync', (_, [file, data]) =>
    note('writeSync', 'metrics', () => writeHalf(file as number, data)),
  );
  for (const name of ['fsyncSync', 'renameSync', 'writeFileSync'])
    wrap(fsSync, name, (_, args) => note(name, args[0]));
  syncBuiltinESMExports();
}

await noteFileOperations();
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
