/** The messages between a worker and the processes that compute for it. */
import type { ProgressEvent } from 'oabn-base';
import type { QueueJob } from './job.js';

export type Order =
  | { readonly kind: 'open'; readonly module: string; readonly runs: string; readonly options: unknown }
  | { readonly kind: 'run'; readonly job: QueueJob; readonly data?: string }
  /** Ends that run with a checkpoint, or keeps it from beginning. */
  | { readonly kind: 'stop'; readonly hash: string };

export type Answer =
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'notice'; readonly message: string }
  | { readonly kind: 'done' }
  /** It stopped because it was told to. */
  | { readonly kind: 'stopped' }
  | ({ readonly kind: 'failed' } & Failure);

export interface Failure {
  readonly message: string;
  readonly stack?: string;
  /** The machine's fault (a full disk, say), not the run's: another one can do it. */
  readonly machine: boolean;
  /** False where nothing can be computed at all, so that the run has no part in it. */
  readonly begun?: false;
}
