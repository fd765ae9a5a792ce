/**
 * Sees what a process does to files, in order, before it is done: for dying at a given moment, half-way
 * through a write included.
 */
import fsSync from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Hears of an operation on `path` ('' where it is not known); `half` does half of it, where it is a write.
 */
export type Witness = (operation: string, path: string, half?: () => void) => void;

type Operation = (...args: unknown[]) => unknown;

/** Replaces `object[name]` by one that first calls `before` with its `this` and arguments. */
function wrap(object: object, name: string, before: (self: unknown, args: unknown[]) => void): void {
  const operation = (object as Record<string, Operation>)[name]!;
  (object as Record<string, Operation>)[name] = function (this: unknown, ...args: unknown[]) {
    before(this, args);
    return operation.apply(this, args);
  };
}

/** Calls `witness` before every file operation of this process from now on. */
export async function watchFileOperations(witness: Witness): Promise<void> {
  const { writeSync, openSync } = fsSync;
  const paths = new Map<number, string>();
  const pathOf = (file: number): string => paths.get(file) ?? '';
  const note = (operation: string, path: unknown, half?: () => void): void =>
    witness(operation, typeof path === 'string' ? path : '', half);
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
    wrap(handles, name, (handle) => note(name, pathOf((handle as FileHandle).fd)));
  }
  wrap(handles, 'writeFile', (handle, [data]) => {
    const { fd } = handle as FileHandle;
    note('writeFile', pathOf(fd), () => writeHalf(fd, data));
  });
  fsSync.openSync = (path, ...rest) => {
    const file = openSync(path, ...rest);
    paths.set(file, String(path));
    return file;
  };
  wrap(fsSync, 'writeSync', (_, [file, data]) =>
    note('writeSync', pathOf(file as number), () => writeHalf(file as number, data)),
  );
  for (const name of ['fsyncSync', 'renameSync', 'writeFileSync'])
    wrap(fsSync, name, (_, args) => note(name, args[0]));
  syncBuiltinESMExports();
}
