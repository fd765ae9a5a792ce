/**
 * A store that many machines reach, a shared folder or a bucket: runs, states to resume from, data sets.
 *
 * @module provable-runs/remote
 */
export { boundCache, touchRun } from './cache.js';
export { fetchData, hasData, putData } from './datasets.js';
export type { Objects } from './objects.js';
export { openObjects } from './open.js';
export { type Condition, csvText, type Fields, fieldsOf, parseCondition } from './fields.js';
export type { FileEntry } from './files.js';
export { type Patience, UnreachableError } from './patience.js';
export { type RunsReader, sharedReader } from './reader.js';
export { type DoneRun, newSession, type SharedRuns, sharedRuns, type Snapshot } from './sharedRuns.js';
