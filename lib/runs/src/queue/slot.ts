/**
 * One of the runs that a worker computes at a time: takes a job, looks after it until it has ended, then
 * takes the next.
 */
import { formatDuration, formatFields } from 'oabn-base';
import type { SharedRuns } from '../remote/index.js';
import { carryOut, type Ending } from './carryOut.js';
import type { Computer } from './computer.js';
import type { QueueConnection } from './connection.js';
import { blamed, finish } from './finish.js';
import { checkJob } from './job.js';
import { holdLease } from './lease.js';
import type { AtWork } from './presence.js';
import { anyOf, unlessAway } from './signals.js';
import type { Taken } from './take.js';

export interface SlotOptions {
  readonly connection: QueueConnection;
  readonly shared: SharedRuns;
  readonly computer: Computer;
  /** The folder of the local store. */
  readonly runs: string;
  readonly data: (name: string) => Promise<string | undefined>;
  readonly holdsCode: (config: unknown) => boolean;
  readonly leaseSeconds: number;
  readonly stop: AbortSignal;
  /** What it is doing now; undefined when it is idle. */
  readonly show: (at: AtWork | undefined) => void;
  readonly notice: (message: string) => void;
}

/** How a job ended here; `elsewhere`: another worker has it. */
export type Attended = Ending | { readonly kind: 'elsewhere' };

/** Attends to a job that was taken, from its lease to its end in the queue. */
export async function attend(taken: Taken, options: SlotOptions): Promise<Attended> {
  const { connection, shared, leaseSeconds, notice, show } = options;
  const { hash, title } = taken.job.data;
  const began = performance.now();
  const lease = holdLease(connection, taken.id, taken.job, taken.token, 1000 * leaseSeconds);
  const stop = anyOf([options.stop, lease.lost]);
  show({ hash, title, share: 0, text: '' });
  try {
    const found = await endingOf(taken, options, stop.signal);
    if (lease.lost.aborted) {
      notice(`«${title}» was given to another worker while this one was cut off from the queue`);
      return { kind: 'elsewhere' };
    }
    // A worker that is stopped does not wait for a queue that is away: the lease runs out, and others get the
    // job.
    const ending = (await unlessAway(blamed(connection, taken, found), options.stop)) ?? found;
    const settled = await unlessAway(
      finish(connection, taken, ending, async (run) => (await shared.done(run)) !== undefined),
      options.stop,
    );
    if (settled === undefined)
      notice(`The queue does not hear what became of «${title}», and will give it to another worker.`);
    const line = describe(title, ending, (performance.now() - began) / 1000);
    if (line !== undefined) notice(line);
    return ending;
  } catch (error) {
    // The job went to another worker between the last renewal and now.
    if (!/lock|Missing key|not in the active state/i.test((error as Error).message)) throw error;
    notice(`«${title}» is with another worker by now (${(error as Error).message})`);
    return { kind: 'elsewhere' };
  } finally {
    lease.end();
    stop.end();
    show(undefined);
  }
}

async function endingOf(taken: Taken, options: SlotOptions, stop: AbortSignal): Promise<Ending> {
  const { deferredFailure, data: job } = taken.job;
  // What BullMQ says about a job whose workers vanished too often.
  if (deferredFailure)
    return { kind: 'failed', message: `Its workers vanished too often (${deferredFailure})` };
  try {
    checkJob(job, taken.jobClass, options.holdsCode);
  } catch (error) {
    return { kind: 'failed', message: (error as Error).message };
  }
  const { shared, computer, runs, data, notice, show } = options;
  return await carryOut(job, {
    shared,
    computer,
    runs,
    data,
    isFirst: taken.job.attemptsStarted <= 1 && taken.job.stalledCounter === 0,
    stop,
    notice,
    progress: ({ task, done, total, fields }) =>
      show({
        hash: job.hash,
        title: job.title,
        share: done / Math.max(1, total),
        text: `${task} ${formatFields(fields)}`.trim(),
      }),
  });
}

function describe(title: string, ending: Ending, seconds: number): string | undefined {
  switch (ending.kind) {
    case 'done':
      return ending.computed ? `done «${title}» in ${formatDuration(seconds)}` : undefined;
    case 'failed':
      return `failed «${title}»: ${ending.message}`;
    case 'died':
      return `«${title}»: ${ending.message}`;
    case 'stopped':
    case 'machine':
      return `gave back «${title}»`;
    case 'notReady':
      return undefined;
    default:
      return ending satisfies never;
  }
}
