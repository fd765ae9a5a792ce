/**
 * A kind of run is a value: what its configurations look like in their one canonical form, what they are
 * called, what they start from, how they are executed and what they cost. Everything that treats all runs
 * alike (requesting one, planning many, estimating them) uses this and knows no kind by name.
 */
import type { Architecture } from '../../model/index.js';
import type { DataConfig } from '../settings.js';
import type { RunCost } from './cost.js';
import type { Work } from './work.js';

export type { Work } from './work.js';

/** A kind of run: what its configuration means, how it executes, and what it costs. */
export interface Kind<Config, Result> {
  /**
   * The configuration in its one canonical form, defaults left out. @throws UserError naming what is out of
   * range
   */
  normalize(config: Config): Config;
  /**
   * A normalized configuration as it is stored and hashed, where names there are older than the library's.
   */
  store?(config: Config): object;
  /** What `store` made. */
  read?(stored: object): Config;
  /** A stored result of this version or an earlier one, where they differ. */
  readResult?(stored: Result): Result;
  /** A run in a few words, such as «train s=2 seed 1». */
  describe(config: Config): string;
  /**
   * What it does, without the network, such as «train» or «ClusterQAT»: runs of one label are estimated
   * together.
   */
  label(config: Config): string;
  /**
   * The network that it makes or starts from: its architecture, and the data that it is trained and measured
   * on.
   */
  network(config: Config): { readonly arch: Architecture; readonly data: DataConfig };
  /**
   * The source of the network that the run starts from: the configuration of a run, or a file; undefined for
   * none.
   */
  source(config: Config): { readonly kind: string } | undefined;
  /** The seed of its random numbers, if it draws any. */
  seed(config: Config): number | undefined;
  /**
   * A key that is shared by runs that compile the same function, apart from that of evaluation, and by hardly
   * any others.
   */
  compiledKey(config: Config): string;
  /** Computes the run. @throws UserError for what the user can fix, AbortError when stopped */
  execute(work: Work<Config>): Promise<Result>;
  readonly cost: RunCost<Config>;
}
