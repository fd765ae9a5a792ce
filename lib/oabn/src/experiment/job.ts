import type { RunConfig } from './kinds/index.js';
import type { Lab } from './lab.js';

/** A run of a larger plan and the lab it belongs in. */
export interface Job {
  /** The lab in which it runs. */
  readonly lab: Lab;
  /** Its configuration. */
  readonly config: RunConfig;
  /** Of jobs that could be computed next, those with the smallest number are; default 0. */
  readonly priority?: number;
}
