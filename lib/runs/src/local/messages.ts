/** What the process that hands out tasks and its workers say to each other, in structured clones. */
import type { ProgressEvent } from 'oabn-base';

export type Order<Setup, Task> =
  | { readonly kind: 'open'; readonly setup: Setup }
  | { readonly kind: 'task'; readonly task: Task }
  | { readonly kind: 'stop' };

/** What a worker's process tells the one that started it. */
export type Answer<Result> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'notice'; readonly message: string }
  | { readonly kind: 'done'; readonly result: Result }
  | Failed;

/** What a worker was told to do failed. */
export interface Failed {
  readonly kind: 'failed';
  /** What to show: with a stack trace, unless the user can mend it. */
  readonly message: string;
  /** Whether the user can mend it. */
  readonly mendable: boolean;
  /** The task's fault: it fails everywhere, and other tasks need not. Otherwise the worker cannot go on. */
  readonly ofTask: boolean;
}
