/** Limits the local copies of runs that are safe in the store: the most recently used ones stay. */
import { stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../store/durable.js';
import { fileNames } from '../store/files.js';
import { openStore } from '../store/openStore.js';
import { filesIn } from './files.js';

/** What was used in the last minutes may still be in use by another process of this machine. */
const minutesUntouchable = 5;

/** Notes that the run is used now. */
export async function touchRun(runs: string, hash: string): Promise<void> {
  const now = new Date();
  await utimes(join(runs, hash, fileNames.result), now, now).catch(() => undefined);
}

/**
 * Deletes finished runs of the local store at `runs`, the least recently used first, until the rest fits into
 * `bytes`. Returns the hashes of those that it deleted.
 */
export async function boundCache(runs: string, bytes: number, now = Date.now()): Promise<string[]> {
  const found: { hash: string; bytes: number; used: number }[] = [];
  for (const hash of (await namesIn(runs)).filter((name) => /^[0-9a-f]{16}$/.test(name))) {
    const folder = join(runs, hash);
    const result = await stat(join(folder, fileNames.result)).catch(() => undefined);
    if (!result) continue;
    const sizes = (await filesIn(folder)).map(
      async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size,
    );
    const size = (await Promise.all(sizes)).reduce<number>((sum, each) => sum + (each ?? 0), 0);
    found.push({ hash, bytes: size, used: result.mtimeMs });
  }
  found.sort((a, b) => a.used - b.used);
  let total = found.reduce((sum, each) => sum + each.bytes, 0);
  const store = openStore(runs);
  const removed: string[] = [];
  for (const each of found) {
    if (total <= bytes || now - each.used < 60_000 * minutesUntouchable) break;
    // A run that another process has taken up again stays, and its bytes still count.
    const isGone = await store.remove(each.hash).then(
      () => true,
      () => false,
    );
    if (!isGone) continue;
    removed.push(each.hash);
    total -= each.bytes;
  }
  return removed;
}
