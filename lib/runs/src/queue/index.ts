/**
 * The queue: a sweep over many machines, on BullMQ and Redis, with results in a store that all of them reach.
 *
 * @module provable-runs/queue
 */
export { connectQueue, type ConnectOptions, type QueueConnection } from './connection.js';
export { type Dashboard, openDashboard } from './dashboard.js';
export { enqueue, type Enqueued } from './enqueue.js';
export {
  type CreateExecutor,
  type ExecuteContext,
  type Executor,
  type ExecutorOptions,
  storeExecutor,
} from './executor.js';
export { computeInQueue, type FollowOptions, type PlanFailure, type PlanResult } from './follow.js';
export type { FailedRun } from './finish.js';
export { type JobClass, type Plan, type QueueJob, queueJob, type Requirements } from './job.js';
export type { AtWork, WorkerPresence } from './presence.js';
export { type ClassStatus, describeClass, queueStatus, type QueueStatus } from './status.js';
export { runWorker, type WorkerOptions, type WorkerReport } from './worker.js';
