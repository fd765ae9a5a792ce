/** What the process that hands out runs and its workers say to each other, in structured clones. */
import type { ProgressEvent } from '../../base/index.js';
import type { RunConfig } from '../config.js';
import type { LabRecipe } from '../lab.js';
import type { StoredRun } from '../store/index.js';

export type Order =
  | { readonly kind: 'open'; readonly labs: readonly LabRecipe[] }
  | { readonly kind: 'run'; readonly lab: number; readonly config: RunConfig }
  | { readonly kind: 'stop' };

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'notice'; readonly message: string }
  | { readonly kind: 'done'; readonly from: StoredRun['from'] }
  /** `mendable`: by the user, hence without a stack trace. */
  | { readonly kind: 'failed'; readonly message: string; readonly mendable: boolean };
