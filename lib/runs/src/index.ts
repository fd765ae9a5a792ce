/**
 * An experiment is its configuration: a store that caches, resumes and proves what was run.
 *
 * @module provable-runs
 */
export * from './store/index.js';
