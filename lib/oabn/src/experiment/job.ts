import type { RunConfig } from './kinds/index.js';
import type { Lab } from './lab.js';

/** A run of a larger plan and the lab it belongs in. */
export interface Job {
  readonly lab: Lab;
  readonly config: RunConfig;
}
