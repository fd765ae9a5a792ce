/** How long runs take where several of them are computed at a time. */
import { withWorkers } from 'provable-runs/local';
import { estimateRuns, type TimeEstimate } from '../estimate.js';
import type { Job } from '../job.js';
import { crewOf, labsOf, type Task } from './crew.js';

/** How many processes the estimate is for. */
export interface EstimateAllOptions {
  /** Processes at a time; default 1. */
  readonly workers?: number;
  /** Takes messages for the user, a line each; default standard error. */
  readonly notice?: (message: string) => void;
}

/**
 * `estimateRuns` for several processes at a time: all of them measure the same steps at the same time,
 * because they slow each other down, and they share what is left.
 */
export async function estimateAll(
  jobs: readonly Job[],
  { workers = 1, notice }: EstimateAllOptions = {},
): Promise<TimeEstimate[]> {
  if (workers === 1 || jobs.length === 0) return await estimateRuns(jobs);
  const labs = labsOf(jobs);
  const numbered = jobs.map(({ lab, config }) => ({ lab: labs.indexOf(lab), config }));
  const all: (readonly TimeEstimate[])[] = [];
  await withWorkers<unknown, Task, readonly TimeEstimate[]>(
    crewOf(labs),
    { workers, ...(notice && { notice }) },
    (worker, answer) => {
      if (answer.kind === 'ready') worker.send({ kind: 'estimate', jobs: numbered });
      if (answer.kind === 'done') all.push(answer.result);
      if (answer.kind === 'failed') throw answer.error;
      return all.length === workers;
    },
  );
  return all[0]!.map((first, i) => {
    const mean = (of: (estimate: TimeEstimate) => number): number =>
      all.reduce((sum, each) => sum + of(each[i]!), 0) / workers;
    return {
      ...first,
      secondsPerStep: mean(({ secondsPerStep }) => secondsPerStep),
      secondsBeside: mean(({ secondsBeside }) => secondsBeside),
      secondsLeft: mean(({ secondsLeft }) => secondsLeft) / workers,
    };
  });
}
