/** Runs in lists: their order, and the one that a few digits name. */
import { check } from 'oabn-base';
import type { RunEntry } from './store.js';

/** The order in which runs were started; those of which that is not known come first. */
export function byStart(a: RunEntry, b: RunEntry): number {
  const [first, second] = [a.provenance?.startedAt ?? '', b.provenance?.startedAt ?? ''];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** The one of `hashes` that begins with `prefix`. @throws UserError naming `place` when it is none or several */
export function oneWithPrefix(hashes: readonly string[], prefix: string, place: string): string {
  const found = hashes.filter((hash) => hash.startsWith(prefix));
  check(
    found.length > 0,
    () => `No run in ${place} has a hash that begins with ${prefix}; list the runs to see which exist`,
  );
  check(
    found.length === 1,
    () => `${found.length} runs begin with ${prefix}: ${found.join(', ')}; give more digits`,
  );
  return found[0]!;
}
