/**
 * Files that are either complete or absent: written under a temporary name next to the target, then renamed.
 */
import { constants, createReadStream, createWriteStream, existsSync } from 'node:fs';
import { access, mkdir, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ignoreMissing, onDisk } from './disk.js';
import { sweepTemporaries, temporaryName } from './temporary.js';

/**
 * Writes `data` to `path` so that a crash at any moment leaves the old file or the new one, never a part.
 * @throws UserError when the disk refuses, with `hint` in it
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, hint?: string): Promise<void> {
  const write = async (place: string): Promise<void> => {
    const file = await open(place, 'w');
    try {
      await file.writeFile(data);
      // A device has nothing to synchronize, and some refuse.
      if ((await file.stat()).isFile()) await file.sync();
    } finally {
      await file.close();
    }
  };
  await replaceFile(path, write, hint);
}

/** `writeFileAtomic` of `value` as indented JSON with a final newline. */
export async function writeJsonAtomic(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Copies a file so that `to` is whole or not there. @throws UserError when the disk refuses */
export async function copyFileAtomic(from: string, to: string): Promise<void> {
  await onDisk(from, () => access(from, constants.R_OK));
  // As streams, because a device accepts writes but cannot be the target of a copy.
  await replaceFile(to, (place) => pipeline(createReadStream(from), createWriteStream(place)));
}

/**
 * Tests whether a file of `bytes` bytes can be written to `path`, and leaves nothing there: to be called
 * before an hour of work whose result goes there. @throws UserError when it cannot
 */
export async function checkWritable(path: string, bytes = 0): Promise<void> {
  await onDisk(path, async () => {
    const target = await targetOf(path);
    if (target.kind === 'device') return await access(path, constants.W_OK);
    let folder = dirname(resolve(target.file));
    while (!(await stat(folder).catch(ignoreMissing)) && dirname(folder) !== folder) folder = dirname(folder);
    const place = join(folder, basename(target.file));
    await sweepTemporaries(place);
    const probe = temporaryName(place);
    const block = new Uint8Array(Math.min(bytes, 2 ** 20));
    try {
      const file = await open(probe, 'wx');
      try {
        for (let left = bytes; left > 0; left -= block.length) {
          await file.writeFile(block.subarray(0, Math.min(left, block.length)));
        }
      } finally {
        await file.close();
      }
    } finally {
      await rm(probe, { force: true });
    }
  });
}

/**
 * Makes a folder, and those above it that are not there; returns the first that was made.
 * @throws UserError when the disk refuses, with `hint` in it
 */
export async function makeFolder(path: string, hint?: string): Promise<string | undefined> {
  const make = async (): Promise<string | undefined> => {
    try {
      return await mkdir(path, { recursive: true });
    } catch (error) {
      // Node reports a read-only disk this way; making a single folder asks the disk itself.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') await mkdir(await firstMissing(path));
      throw error;
    }
  };
  return await onDisk(path, make, hint);
}

/** `path`, or the topmost folder above it that does not exist. */
async function firstMissing(path: string): Promise<string> {
  const above = dirname(resolve(path));
  return (await stat(above).catch(ignoreMissing)) ? path : await firstMissing(above);
}

/** Lets `write` make a temporary file next to the file that `path` refers to, and renames it into place. */
async function replaceFile(
  path: string,
  write: (place: string) => Promise<void>,
  hint?: string,
): Promise<void> {
  const replace = async (): Promise<void> => {
    const target = await targetOf(path);
    if (target.kind === 'device') return await write(path);
    await makeFolder(dirname(target.file));
    await sweepTemporaries(target.file);
    const temporary = temporaryName(target.file);
    try {
      await write(temporary);
      await rename(temporary, target.file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  };
  await onDisk(path, replace, hint);
}

/**
 * Where what is written to `path` must go. A file is replaced by renaming another over it, except for a
 * symbolic link (the file that it leads to is replaced) and for what is not a file, such as /dev/null or a
 * pipe, which is written to.
 */
async function targetOf(
  path: string,
): Promise<{ readonly kind: 'file'; readonly file: string } | { readonly kind: 'device' }> {
  const found = await stat(path).catch(ignoreMissing);
  if (found?.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
  if (found && !found.isFile()) return { kind: 'device' };
  if (found) return { kind: 'file', file: await realpath(path) };
  // Missing, or a link to something that is missing.
  const link = await readlink(path).catch(() => undefined);
  return link === undefined ? { kind: 'file', file: path } : await targetOf(resolve(dirname(path), link));
}

/** The nearest folder from `start` upwards that has a package.json, or `start`: where runs and caches go. */
export function projectFolder(start = process.cwd()): string {
  let folder = resolve(start);
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return existsSync(join(folder, 'package.json')) ? folder : resolve(start);
}
