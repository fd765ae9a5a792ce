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
  /** `mendable`: the user can fix it, so it is shown without a stack trace. */
  | { readonly kind: 'failed'; readonly message: string; readonly mendable: boolean };
