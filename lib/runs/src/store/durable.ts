/**
 * Writing that survives: a file is complete or absent after a kill at any moment (written under a temporary
 * name, synchronized, renamed), and survives a power cut (its folder is synchronized too). What a disk
 * refuses is reported as an error that a user can act on.
 */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  diskError as anyDiskError,
  ignoreMissing,
  makeFolder as makeAnyFolder,
  writeFileAtomic,
} from 'oabn-base';
import { markOfStore } from '../faults.js';

/** The folder of the runs can be chosen, which is the way out of most refusals. */
const hint = 'OABN_RUNS_DIR names the folder of all runs';

/** Writes `data` to `path`, complete and durable. @throws UserError when the disk refuses */
export async function writeDurable(path: string, data: string | Uint8Array): Promise<void> {
  await onDisk(path, async () => {
    await writeFileAtomic(path, data, hint);
    await syncFolder(dirname(path));
  });
}

/** `writeDurable` of `value` as indented JSON. */
export async function writeJsonDurable(path: string, value: unknown): Promise<void> {
  await writeDurable(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Makes `folder` and those above it, durably. @throws UserError when the disk refuses */
export async function makeFolder(folder: string): Promise<void> {
  await onDisk(folder, async () => {
    if (await makeAnyFolder(folder, hint)) await syncFolder(dirname(folder));
  });
}

/** Makes the names in `folder` durable. Windows cannot do that and does not need to: it journals them. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The text of a file, or undefined if it is not there. @throws UserError when it is there but cannot be read
 */
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
 * Deletes the temporary files in `folder` that killed processes left; for the one process that may write
 * there. Those of locks are any process's, and go only when they are a minute old.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!/^\..*\.tmp$/.test(name)) continue;
    const path = join(folder, name);
    const found = name.startsWith('.lock') ? await stat(path).catch(ignoreMissing) : undefined;
    if (!found || Date.now() - found.mtimeMs > 60_000) await rm(path, { force: true });
  }
}

/**
 * Runs `work` on `path`, and turns what a disk refuses into a `UserError` that names the path and what to do.
 */
export async function onDisk<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw diskError(path, error);
  }
}

/** `error` as a `UserError`, if it is one that a disk gives; marked as the store's in any case. */
export const diskError = (path: string, error: unknown): unknown =>
  markOfStore(anyDiskError(path, error, hint));
