/**
 * A lock file: at most one process computes a run. It is written under another name and *linked* into place,
 * which fails if there is one already, so that nobody ever sees a lock without its owner.
 *
 * A lock is stale when its owner is known to be gone (same host: the process ended, or its id belongs to
 * another process now), or, where that cannot be known, when its heartbeat stood still for minutes while we
 * watched. A stale lock is replaced by renaming a new one over it. Only the holder of the *guard*, a lock
 * named after the stale lock's nonce, may do so, and it looks again first: two processes that saw the same
 * stale lock cannot both replace it. A guard whose owner died is a stale lock like any other, so this needs
 * no further rule.
 */
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ignoreMissing, temporaryName, UserError } from 'oabn-base';
import { makeFolder, namesIn, onDisk } from './durable.js';
import { describeOwner, newOwner, type Owner, parseOwner, stateOf } from './owner.js';

export interface Lock {
  readonly owner: Owner;
  /** Aborts when another process has taken over, which it does only if this one seemed dead for minutes. */
  readonly lost: AbortSignal;
  /** @throws UserError when the lock is lost */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

export type Attempt =
  { readonly kind: 'locked'; readonly lock: Lock } | { readonly kind: 'held'; readonly owner: Owner };

const secondsBetweenBeats = 5;
/** How long a heartbeat may stand still before an owner of whom nothing else is known counts as dead. */
const patienceSeconds = 120;

/**
 * Remembers since when each lock's heartbeat has stood still, by this process's own clock, because hosts'
 * clocks differ.
 */
export interface Watch {
  secondsStill(nonce: string, beat: number): number;
}

export function newWatch(now: () => number = () => performance.now() / 1000): Watch {
  const seen = new Map<string, { beat: number; since: number }>();
  return {
    secondsStill(nonce, beat) {
      const last = seen.get(nonce);
      if (last?.beat === beat) return now() - last.since;
      seen.set(nonce, { beat, since: now() });
      return 0;
    },
  };
}

/**
 * Takes the lock at `path`, or says who holds it. Pass the same `watch` to repeated attempts.
 * @throws UserError when the disk refuses
 */
export async function tryLock(path: string, watch: Watch = newWatch()): Promise<Attempt> {
  for (;;) {
    const seen = await readLock(path);
    if (!seen) {
      const owner = await placeNew(path, (temporary) => link(temporary, path));
      if (owner) return { kind: 'locked', lock: await heldLock(path, owner) };
      continue;
    }
    if (!(await isStale(seen, watch))) return { kind: 'held', owner: seen.owner };
    const guard = await tryLock(`${path}.${seen.owner.nonce}`, watch);
    if (guard.kind === 'held') return { kind: 'held', owner: seen.owner };
    try {
      const still = (await readLock(path))?.owner.nonce === seen.owner.nonce;
      const owner = still && (await placeNew(path, (temporary) => rename(temporary, path)));
      if (owner) return { kind: 'locked', lock: await heldLock(path, owner) };
    } finally {
      await guard.lock.release();
    }
  }
}

/** The owner of the lock at `path` if there is one and it is not stale. */
export async function liveOwner(path: string): Promise<Owner | undefined> {
  const seen = await readLock(path);
  return seen && !(await isStale(seen, newWatch())) ? seen.owner : undefined;
}

interface SeenLock {
  readonly owner: Owner;
  readonly beat: number;
}

async function readLock(path: string): Promise<SeenLock | undefined> {
  return onDisk(path, async () => {
    const text = await readFile(path, 'utf8').catch(ignoreMissing);
    const file = text === undefined ? undefined : await stat(path).catch(ignoreMissing);
    if (text === undefined || !file) return undefined;
    // A power cut can leave an empty lock. Nothing is known about its owner, so the heartbeat alone decides.
    const unknown = { pid: 0, processStart: null, host: 'unknown', since: '', nonce: `damaged-${file.ino}` };
    return { owner: parseOwner(text) ?? unknown, beat: file.mtimeMs };
  });
}

async function isStale({ owner, beat }: SeenLock, watch: Watch): Promise<boolean> {
  const state = await stateOf(owner);
  switch (state) {
    case 'alive':
      return false;
    case 'gone':
      return true;
    case 'unknown':
      return watch.secondsStill(owner.nonce, beat) > patienceSeconds;
    default:
      return state satisfies never;
  }
}

/** Writes a new lock under a temporary name and puts it in place; undefined if another process was faster. */
async function placeNew(
  path: string,
  place: (temporary: string) => Promise<void>,
): Promise<Owner | undefined> {
  const owner = await newOwner();
  const temporary = temporaryName(path);
  await makeFolder(dirname(path));
  return onDisk(path, async () => {
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(JSON.stringify(owner));
        await file.sync();
      } finally {
        await file.close();
      }
      await place(temporary);
      return owner;
    } catch (error) {
      // EEXIST: locked by another. ENOENT: the folder was removed in between, with everything in it.
      if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

async function heldLock(path: string, owner: Owner): Promise<Lock> {
  const lost = new AbortController();
  const isHeld = async (): Promise<boolean> => (await readLock(path))?.owner.nonce === owner.nonce;
  const lose = (): UserError => {
    const error = new UserError(
      `${describeOwner(owner)} lost ${path}: another process took it for dead and took over. Request the run again.`,
    );
    lost.abort(error);
    return error;
  };
  const beat = async (): Promise<void> => {
    if (!(await isHeld())) lose();
    else await utimes(path, new Date(), new Date()).catch(ignoreMissing);
  };
  // The heartbeat stops while the event loop is blocked, which is why on the same host the process itself is
  // checked, not its heartbeat.
  const timer = setInterval(() => void beat().catch(() => undefined), 1000 * secondsBetweenBeats);
  timer.unref();
  await removeGuards(path, owner.nonce);
  return {
    owner,
    lost: lost.signal,
    async assertHeld() {
      if (!(await isHeld())) throw lose();
    },
    async release() {
      clearInterval(timer);
      if (await isHeld()) await rm(path, { force: true });
    },
  };
}

/**
 * Deletes the guards of earlier locks at `path` whose owners died: those locks are gone, so nobody needs
 * them.
 */
async function removeGuards(path: string, nonce: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await namesIn(dirname(path))) {
    if (!name.startsWith(prefix) || name.startsWith(prefix + nonce)) continue;
    const guard = join(dirname(path), name);
    const seen = await readLock(guard);
    if (seen && (await stateOf(seen.owner)) === 'gone') await rm(guard, { force: true });
  }
}
