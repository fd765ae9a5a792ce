/** What the process that hands out runs and its workers say to each other, in structured clones. */
import type { ProgressEvent } from 'oabn-base';
import type { RunConfig } from '../config.js';
import type { TimeEstimate } from '../estimate.js';
import type { LabRecipe } from '../lab.js';
import type { StoredRun } from 'provable-runs';

/** A job whose lab is one of those that were opened, by its place. */
export interface NumberedJob {
  readonly lab: number;
  readonly config: RunConfig;
}

export type Order =
  | { readonly kind: 'open'; readonly labs: readonly LabRecipe[] }
  | ({ readonly kind: 'run' } & NumberedJob)
  | { readonly kind: 'estimate'; readonly jobs: readonly NumberedJob[] }
  | { readonly kind: 'stop' };

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'notice'; readonly message: string }
  | { readonly kind: 'done'; readonly from: StoredRun['from'] }
  | { readonly kind: 'estimated'; readonly estimates: readonly TimeEstimate[] }
  /** `mendable`: by the user, hence without a stack trace. */
  | { readonly kind: 'failed'; readonly message: string; readonly mendable: boolean };
