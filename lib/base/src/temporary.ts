/**
 * Names for files that are not complete yet, and what becomes of those that a killed process left. A name
 * says whose file it is: a process, and the machine on which its id has a meaning.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ignoreMissing } from './disk.js';
import { processExists, thisHost } from './processes.js';

/** After this long without a write, a file counts as abandoned, even if its owner cannot be checked. */
const millisecondsUntilNobodys = 24 * 3_600_000;

/** A name beside `path` that no other process uses. */
export function temporaryName(path: string): string {
  const name = `.${basename(path)}.${process.pid}.${thisMachine()}${randomBytes(4).toString('hex')}.tmp`;
  return join(dirname(path), name);
}

/**
 * Deletes the temporary files beside `path` that were to become `path` and never will: of processes of this
 * machine that have ended, and of others after a day. Files that cannot be examined or deleted stay.
 */
export async function sweepTemporaries(path: string): Promise<void> {
  const [folder, start] = [dirname(path), `.${basename(path)}.`];
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(start)) continue;
    const [, pid, machine] = /^(\d+)\.([0-9a-f]{8})[0-9a-f]{8}\.tmp$/.exec(name.slice(start.length)) ?? [];
    if (pid === undefined) continue;
    const left = join(folder, name);
    const isOver = machine === thisMachine() ? !processExists(Number(pid)) : await isNobodys(left);
    if (isOver) await rm(left, { force: true }).catch(() => undefined);
  }
}

async function isNobodys(path: string): Promise<boolean> {
  const found = await stat(path).catch(ignoreMissing);
  return found !== undefined && Date.now() - found.mtimeMs > millisecondsUntilNobodys;
}

let machine: string | undefined;

/** `thisHost` in 8 digits. */
function thisMachine(): string {
  machine ??= createHash('sha256').update(thisHost()).digest('hex').slice(0, 8);
  return machine;
}
