/**
 * An experiment is its configuration: a store that caches, resumes and proves what was run. Many runs at a
 * time are in `provable-runs/local`, a store that many machines reach in `provable-runs/remote`, a queue in
 * `provable-runs/queue`.
 *
 * @module provable-runs
 */

// The store, and what is asked of it
export {
  openStore,
  type RequestOptions,
  type RunContext,
  type Store,
  type StoredRun,
  type StoreOptions,
} from './store/index.js';

// What it keeps about a run
export {
  type Checkpoint,
  type Machine,
  type MetricsRow,
  packageVersions,
  type ResultFile,
  type RunEntry,
  type RunFacts,
  type RunProvenance,
} from './store/index.js';

// How a run is displayed in a notebook
export { isStoredRun, runSummary } from './store/index.js';
