/** A process of the local pool that sleeps, for the comparison. */
import { serve } from '../src/local/index.js';
import { openStore, type Store, type StoredRun } from '../src/store/index.js';
import { nap, type Sleeper } from './sleepers.js';

serve<string, Store, Sleeper, StoredRun['from']>({
  open: async (folder, { notice }) => openStore(folder, { notice }),
  carryOut: async (sleeper, store) => (await store.request(sleeper, nap)).from,
});
