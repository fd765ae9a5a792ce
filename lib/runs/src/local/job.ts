/** A job of a plan, as far as the scheduler needs to know it; what it computes is not part of it. */
export interface PoolJob<Task = unknown> {
  /** The name of its run: the hash of its configuration. */
  readonly hash: string;
  /** What it is called in messages; default its hash. */
  readonly title?: string;
  /** Hashes of the results that it starts from; where the plan produces them, the job waits for them. */
  readonly needs?: readonly string[];
  /** Jobs with a smaller number go first; default 0. */
  readonly priority?: number;
  /** Jobs of one key share what a worker has prepared, such as a compiled function. */
  readonly key: string;
  /** What a worker is told in order to compute it: anything that a structured clone can hold. */
  readonly task: Task;
}
