/**
 * Writing that survives: a file is whole or not there after a kill at any moment (written to a temporary name,
 * synchronised, renamed), and stays there after a power cut (its folder is synchronised too). What a disk refuses is
 * said as an error that a user can act on.
 */
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError, writeFileAtomic } from 'oabn-base';

/** Writes `data` to `path`, whole and lasting. @throws UserError when the disk refuses */
export async function writeDurable(path: string, data: string | Uint8Array): Promise<void> {
  await onDisk(path, async () => {
    await writeFileAtomic(path, data);
    await syncFolder(dirname(path));
  });
}

/** `writeDurable` of `value` as indented JSON. */
export async function writeJsonDurable(path: string, value: unknown): Promise<void> {
  await writeDurable(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Makes `folder` and those above it, lasting. @throws UserError when the disk refuses */
export async function makeFolder(folder: string): Promise<void> {
  await onDisk(folder, async () => {
    if (await mkdir(folder, { recursive: true })) await syncFolder(dirname(folder));
  });
}

/** Makes the names in `folder` last. Windows cannot, and does not need to: it journals them. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The text of a file, or undefined if it is not there. @throws UserError when it is there but cannot be read */
export async function readIfThere(path: string): Promise<string | undefined> {
  return onDisk(path, () => readFile(path, 'utf8').catch(ignoreMissing));
}

/** The JSON value in a file; undefined if it is not there or not JSON. */
export async function readJsonIfWhole(path: string): Promise<unknown> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The names in `folder`, sorted; none if it is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await onDisk(folder, () => readdir(folder).catch(ignoreMissing));
  return (names ?? []).sort();
}

/**
 * Deletes the temporary files in `folder` that killed processes left; for the one process that may write there.
 * Those of locks are any process's, and go only when they are a minute old.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!/^\..*\.tmp$/.test(name)) continue;
    const path = join(folder, name);
    const found = name.startsWith('.lock') ? await stat(path).catch(ignoreMissing) : undefined;
    if (!found || Date.now() - found.mtimeMs > 60_000) await rm(path, { force: true });
  }
}

const advice: Readonly<Record<string, string>> = {
  EACCES: 'it is not allowed; give yourself the right to write there, or choose another folder',
  EPERM: 'it is not permitted; give yourself the right to write there, or choose another folder',
  EROFS: 'its file system is read-only; choose another folder',
  ENOSPC: 'the disk is full; make room, or choose another folder',
  EDQUOT: 'your disk quota is used up; make room, or choose another folder',
  EFBIG:
    'the file would be larger than the limit for files here; raise it (ulimit -f), or choose another folder',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another folder',
  EEXIST: 'a file is where a folder should be; choose another folder',
  EIO: 'the disk reports an input/output error; check it, or choose another folder',
};

/** Runs `work` on `path`, and turns what a disk refuses into a `UserError` that names the path and what to do. */
export async function onDisk<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw diskError(path, error);
  }
}

/** `error` as a `UserError`, if it is one that a disk gives. */
export function diskError(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  const why = advice[code];
  if (!why) return error;
  return new UserError(`Cannot use ${path} (${code}): ${why} (OABN_RUNS_DIR names the folder of all runs).`, {
    cause: error,
  });
}

/** For `.catch`: undefined when the file or folder is not there. */
export function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
