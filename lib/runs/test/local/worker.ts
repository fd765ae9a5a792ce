/** A worker that adds numbers, as slowly as it is told, in a store of toy runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from 'oabn-base';
import { openStore, type RunContext, type Store, type StoredRun } from '../../src/index.js';
import { serve } from '../../src/local/index.js';

export interface Sum {
  readonly numbers: readonly number[];
  /** Milliseconds before each number, up to the first interruption. */
  readonly pause?: number;
  readonly trouble?: 'mendable' | 'broken' | 'full disk' | 'killed';
}

/** The sum of the numbers, with a checkpoint after each. */
export async function add(
  { numbers, pause = 0, trouble }: Sum,
  { resumed, signal, saveCheckpoint, progress }: RunContext,
): Promise<number> {
  if (trouble === 'mendable') throw new UserError('there is nothing to add; give it a number');
  if (trouble === 'broken') throw new RangeError('a hole in the abacus');
  if (trouble === 'full disk') throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  if (trouble === 'killed') process.kill(process.pid, 'SIGKILL');
  let sum = Number(resumed?.metadata.sum ?? 0);
  for (let step = resumed?.step ?? 0; step < numbers.length; step++) {
    signal.throwIfAborted();
    if (pause > 0 && !resumed) await sleep(pause);
    sum += numbers[step]!;
    await saveCheckpoint(step + 1, {}, { sum: String(sum) });
    progress({ task: 'adding', done: step + 1, total: numbers.length });
  }
  return sum;
}

/** The run of `sum` in `store`. */
export async function request(
  store: Store,
  sum: Sum,
  options: Parameters<Store['request']>[2] = {},
): Promise<StoredRun<number>> {
  return await store.request(sum, (context) => add(sum, context), options);
}

interface Bench {
  readonly store: Store;
  readonly options: Parameters<Store['request']>[2];
}

// The tests import this file too.
if (process.send) {
  serve<string, Bench, Sum, StoredRun['from']>({
    open: async (folder, { progress, notice, signal }) => {
      notice('the abacus is of wood');
      return { store: openStore(folder, { notice }), options: { progress, signal } };
    },
    carryOut: async (sum, { store, options }) => (await request(store, sum, options)).from,
  });
}
