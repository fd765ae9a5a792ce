/**
 * Many jobs on one machine, several at a time, in processes of their own; the caller defines what they
 * compute.
 *
 * @module provable-runs/local
 */
export { type Crew, type CrewOptions, type Worker, withWorkers, type WorkAnswer } from './crew.js';
export type { Answer, Failed } from './messages.js';
export type { PoolJob } from './job.js';
export { type PoolOptions, runJobs } from './runJobs.js';
export { schedule, type Schedule } from './schedule.js';
export { serve, type Service, type ServicePorts } from './serve.js';
