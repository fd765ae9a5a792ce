/** Which job a worker is to compute next. */
import type { PoolJob } from './job.js';

/** Decides which job each worker does next. */
export interface Schedule {
  /**
   * The index of the next job for `worker`: never one that starts from a result that does not exist yet; of the
   * others one with the smallest priority, preferably one whose key the worker had last, else one whose key no
   * other worker had last. Undefined: there is none at the moment.
   */
  next(worker: number): number | undefined;
  /** The job is done; jobs that start from its result can begin. */
  done(index: number): void;
  /**
   * The job has no result and will have none; how many jobs are dropped because they need it, directly or
   * through others.
   */
  failed(index: number): number;
  /** How many jobs no worker has been given yet. */
  readonly left: number;
}

/** A schedule for jobs with their hashes, needs and keys. */
export function schedule(jobs: readonly Omit<PoolJob, 'task'>[]): Schedule {
  const waiting = jobs.map((_, index) => index);
  const unmade = new Set(jobs.map(({ hash }) => hash));
  const lastKeys = new Map<number, string>();
  const keyOf = (index: number): string => jobs[index]!.key;
  const priorityOf = (index: number): number => jobs[index]!.priority ?? 0;
  return {
    next(worker) {
      const able = waiting.filter((index) => !(jobs[index]!.needs ?? []).some((hash) => unmade.has(hash)));
      const first = Math.min(...able.map(priorityOf));
      const ready = able.filter((index) => priorityOf(index) === first);
      const elsewhere = new Set([...lastKeys].flatMap(([other, key]) => (other === worker ? [] : key)));
      const chosen =
        ready.find((index) => keyOf(index) === lastKeys.get(worker)) ??
        ready.find((index) => !elsewhere.has(keyOf(index))) ??
        ready[0];
      if (chosen === undefined) return undefined;
      waiting.splice(waiting.indexOf(chosen), 1);
      lastKeys.set(worker, keyOf(chosen));
      return chosen;
    },
    done(index) {
      unmade.delete(jobs[index]!.hash);
    },
    failed(index) {
      const never = new Set([jobs[index]!.hash]);
      const before = waiting.length;
      for (let more = true; more;) {
        const dropped = waiting.filter((other) => (jobs[other]!.needs ?? []).some((hash) => never.has(hash)));
        for (const other of dropped) {
          never.add(jobs[other]!.hash);
          waiting.splice(waiting.indexOf(other), 1);
        }
        more = dropped.length > 0;
      }
      return before - waiting.length;
    },
    get left() {
      return waiting.length;
    },
  };
}
