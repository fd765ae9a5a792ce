/**
 * What computes. A worker names a module; each of the worker's child processes loads it once and hands it one
 * job after the other, so that what it compiled and loaded for one job is there for the next.
 *
 *     // executor.ts
 *     export const createExecutor = storeExecutor(async (context) => train(context.config, context));
 */
import type { Progress } from 'oabn-base';
import { openStore, type RunContext } from '../store/index.js';
import type { QueueJob } from './job.js';

/** What an executor is created with. */
export interface ExecutorOptions {
  /**
   * The folder of the local store, in which the runs that a job needs are, and into which its own result
   * goes.
   */
  readonly runs: string;
  /** Called with what a person should know. */
  readonly notice: (message: string) => void;
  /** What the worker's owner gave for the executor, as JSON. */
  readonly options: unknown;
}

/** What an executor is given for one run. */
export interface ExecuteContext {
  /** To be called as the work proceeds. */
  readonly progress: Progress;
  /** Aborts when the run is to stop with a checkpoint. */
  readonly signal: AbortSignal;
  /** The folder of the data set that the job requires, where it was fetched from the store. */
  readonly data?: string;
}

/** Computes a job: when it resolves, the run `job.hash` is finished in the local store. */
export type Executor = (job: QueueJob, context: ExecuteContext) => Promise<unknown>;

/** What an executor's module exports as `createExecutor`. */
export type CreateExecutor = (options: ExecutorOptions) => Executor | Promise<Executor>;

/** An executor for functions that need nothing but the run's context: configuration, checkpoints, metrics. */
export function storeExecutor(execute: (context: RunContext) => Promise<unknown>): CreateExecutor {
  return ({ runs, notice }) => {
    const store = openStore(runs, { notice });
    return ({ config }, { progress, signal }) => store.request(config, execute, { progress, signal });
  };
}
