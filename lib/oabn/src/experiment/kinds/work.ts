/** What a run is given to work with. */
import type { RunContext } from 'provable-runs';
import type { Network } from '../../model/index.js';
import type { Lab } from '../lab.js';

/** What a run is executed with. */
export interface Work<Config> {
  /** Normalized. */
  readonly config: Config;
  /** The lab in which it runs. */
  readonly lab: Lab;
  /** The run's folder, checkpoints, metrics and signal. */
  readonly context: RunContext;
  /** The network that the run starts from, three-branch or merged; for kinds that start from one. */
  readonly start: () => Promise<Network>;
}
