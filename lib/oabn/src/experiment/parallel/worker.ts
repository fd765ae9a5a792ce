/**
 * A process of its own that computes the runs that it is handed, one after the other, in labs opened as those of the
 * process that began it. Told to stop, or left alone, it ends between two steps with a checkpoint.
 */
import { errorMessage, UserError } from 'oabn-base';
import { estimateRuns } from '../estimate.js';
import { type Lab, openLab } from '../lab.js';
import { run } from '../run.js';
import type { Answer, Order } from './messages.js';

const stopping = new AbortController();
const labs: Lab[] = [];
/** Orders are carried out one after the other. */
let work = Promise.resolve();

const answer = (message: Answer): void => {
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
};

async function carryOut(order: Exclude<Order, { kind: 'stop' }>): Promise<void> {
  if (order.kind === 'run') {
    const { from } = await run(order.config, labs[order.lab]!);
    return answer({ kind: 'done', from });
  }
  if (order.kind === 'estimate') {
    const jobs = order.jobs.map(({ lab, config }) => ({ lab: labs[lab]!, config }));
    return answer({ kind: 'estimated', estimates: await estimateRuns(jobs) });
  }
  for (const recipe of order.labs) {
    labs.push(
      await openLab({
        ...recipe,
        progress: (event) => answer({ kind: 'progress', event }),
        notice: (message) => answer({ kind: 'notice', message }),
        signal: stopping.signal,
      }),
    );
  }
  answer({ kind: 'ready' });
}

function failure(error: unknown): Answer {
  const mendable = error instanceof UserError;
  const message = !mendable && error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
  return { kind: 'failed', message, mendable };
}

// What is left is the command that this process runs for.
process.argv.splice(1, 1);
process.on('message', (order: Order) => {
  if (order.kind === 'stop') return stopping.abort();
  work = work.then(() => carryOut(order)).catch((error: unknown) => answer(failure(error)));
});
// Ctrl-C reaches every process of a terminal; the one that hands out the runs says what is to be done.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => {
  stopping.abort();
  void work.finally(() => process.exit());
});
