/** What a run is given to work with. */
import type { RunContext } from 'provable-runs';
import type { Network } from '../../model/index.js';
import type { Lab } from '../lab.js';

/** What a run is executed with. */
export interface Work<Config> {
  /** Normalized. */
  readonly config: Config;
  readonly lab: Lab;
  readonly context: RunContext;
  /** The network that the run starts from, three-branch or merged; for kinds that start from one. */
  readonly start: () => Promise<Network>;
}
