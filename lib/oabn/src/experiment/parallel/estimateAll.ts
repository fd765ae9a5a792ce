/** How long runs take where several of them are computed at a time. */
import { estimateRuns, type TimeEstimate } from '../estimate.js';
import type { Job } from '../job.js';
import { toStandardError, withWorkers } from './crew.js';

/**
 * `estimateRuns` for `workers` processes at a time: all of them measure the same steps at the same time, for they slow each other
 * down, and share what is left.
 */
export async function estimateAll(
  jobs: readonly Job[],
  workers: number,
  notice = toStandardError,
): Promise<TimeEstimate[]> {
  if (workers === 1) return await estimateRuns(jobs);
  const labs = [...new Set(jobs.map(({ lab }) => lab))];
  const orders = jobs.map(({ lab, config }) => ({ lab: labs.indexOf(lab), config }));
  const all: (readonly TimeEstimate[])[] = [];
  await withWorkers(labs, workers, notice, (worker, answer) => {
    if (answer.kind === 'ready') worker.send({ kind: 'estimate', jobs: orders });
    if (answer.kind === 'estimated') all.push(answer.estimates);
    return all.length === workers;
  });
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
