/** `oabn reproduce --estimate`: a table of how long the runs that are left will take on this machine. */
import { formatDuration, tableText } from 'oabn-base';
import { estimateAll, type Job } from 'oabn/experiment';
import { print } from 'oabn/cli';

/** Measures a few steps of each kind of run in `plan` and prints the table, or its numbers as JSON. */
export async function printEstimate(plan: readonly Job[], workers: number, json = false): Promise<void> {
  const estimates = await estimateAll(plan, { workers });
  const secondsLeft = estimates.reduce((sum, each) => sum + each.secondsLeft, 0);
  const rows = estimates.map(
    ({ label, runs, done, steps, secondsPerStep, secondsBeside, secondsLeft: left }) => ({
      runs: label,
      'in all': runs,
      'in the store': done,
      'steps left': steps,
      'a step': steps > 0 ? `${(1000 * secondsPerStep).toFixed(secondsPerStep < 0.1 ? 1 : 0)} ms` : '',
      'beside, a run': done < runs ? `${secondsBeside.toFixed(1)} s` : '',
      'time left': formatDuration(left),
    }),
  );
  const text =
    `${tableText(rows)}\n\n${formatDuration(secondsLeft)} in all${workers > 1 ? `, ${workers} runs at a time` : ''}, if this machine stays as fast as in the last ` +
    'minute. Notebooks and pages take additional time.';
  print({ estimates, secondsLeft }, text, json);
}
