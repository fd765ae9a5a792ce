/** The store of runs: cache, resume, provenance; safe against kills and against several processes. */
export { isStoredRun, runSummary } from './display.js';
export type { Checkpoint } from './checkpoints.js';
export type { MetricsRow } from './metrics.js';
export {
  type Machine,
  packageVersions,
  type Provenance as RunProvenance,
  type RunFacts,
} from './provenance.js';
export type { ResultFile } from './resultFile.js';
export type { RunContext } from './session.js';
export { openStore } from './openStore.js';
export type { RequestOptions, RunEntry, Store, StoredRun, StoreOptions } from './store.js';
