/**
 * One job from beginning to end on one machine: fetch what it needs, compute it in a child process, leave
 * checkpoints in the store as they come, and the result when it is done. Whatever is in the store by then is
 * never lost; what happens to the job in the queue is up to the caller.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, type ProgressEvent, UserError } from 'oabn-base';
import pLimit from 'p-limit';
import { newSession, type SharedRuns, touchRun } from '../remote/index.js';
import { checkpointSteps } from '../store/checkpoints.js';
import type { Computer } from './computer.js';
import { isMachineFault, markOfStore } from '../faults.js';
import type { QueueJob } from './job.js';

export type Ending =
  | { readonly kind: 'done'; readonly computed: boolean }
  /** Something it needs is not in the store. */
  | { readonly kind: 'notReady'; readonly need: string }
  /** It was stopped; others can continue from the last checkpoint. */
  | { readonly kind: 'stopped' }
  /** It failed, through its own fault. */
  | { readonly kind: 'failed'; readonly message: string; readonly stack?: string }
  /** Its process died, for whatever reason. */
  | { readonly kind: 'died'; readonly message: string }
  /** This machine cannot compute it, or anything else; where it had `begun`, it may be at fault after all. */
  | { readonly kind: 'machine'; readonly message: string; readonly begun: boolean };

export interface CarryOutOptions {
  readonly shared: SharedRuns;
  readonly computer: Computer;
  /** The folder of the local store. */
  readonly runs: string;
  /** The folder of a data set; undefined where the executor has it itself. */
  readonly data: (name: string) => Promise<string | undefined>;
  /** Whether nobody has begun it since it was planned, so that nobody else can be computing it. */
  readonly isFirst: boolean;
  readonly stop: AbortSignal;
  readonly progress: (event: ProgressEvent) => void;
  readonly notice: (message: string) => void;
}

const millisecondsBetweenLooks = 500;
/** Needs that are fetched at a time; the number of files that may be open is limited. */
const needsAtOnce = 16;

/** Carries out `job`. If something goes wrong, the ending says so. */
export async function carryOut(job: QueueJob, options: CarryOutOptions): Promise<Ending> {
  const { shared, computer, runs, stop, notice } = options;
  const folder = join(runs, job.hash);
  const session = newSession();
  let begun = false;
  try {
    const { data } = job.requirements;
    // All at once: a distant place answers four questions as fast as one.
    const [done, missing, dataFolder, { keys, resumed }] = await Promise.all([
      shared.done(job.hash),
      fetchNeeds(job, options),
      data === undefined ? undefined : options.data(data),
      fetchState(job, options),
    ]);
    if (done) return { kind: 'done', computed: false };
    if (missing !== undefined) return { kind: 'notReady', need: missing };
    if (resumed !== undefined) notice(`«${job.title}» continues from step ${resumed}.`);
    const mirror = mirrorCheckpoints(job, session, options);
    begun = true;
    const outcome = await computer
      .run(job, dataFolder, stop, options.progress)
      .catch(async (error: unknown) => {
        await mirror.end();
        throw error;
      });
    const leftStates = await mirror.end();
    switch (outcome.kind) {
      case 'done': {
        const isAlone = options.isFirst && keys.length === 0 && !leftStates;
        const counts = await shared.commit(job.hash, session, folder, isAlone ? [] : undefined);
        // What others start from is what counts here, too.
        if (counts.session !== session) await shared.fetchRun(job.hash, runs);
        return { kind: 'done', computed: true };
      }
      case 'stopped':
        await shared.putSnapshot(job.hash, session, folder);
        return { kind: 'stopped' };
      case 'failed':
        return outcome.machine
          ? { kind: 'machine', message: outcome.message, begun: outcome.begun ?? true }
          : outcome;
      case 'died':
        return outcome;
      default:
        return outcome satisfies never;
    }
  } catch (error) {
    if (stop.aborted) return { kind: 'stopped' };
    const message = errorMessage(error);
    // What the run itself meets comes from its process as an outcome.
    if (isMachineFault(markOfStore(error))) return { kind: 'machine', message, begun };
    const stack = error instanceof UserError ? undefined : (error as Error).stack;
    return { kind: 'failed', message, ...(stack !== undefined && { stack }) };
  }
}

/** Fetches the runs that a job starts from; the first that is not in the store, if any. */
async function fetchNeeds(
  { needs }: QueueJob,
  { shared, runs }: CarryOutOptions,
): Promise<string | undefined> {
  const inTurn = pLimit(needsAtOnce);
  const there = await Promise.all(needs.map((need) => inTurn(() => shared.fetchRun(need, runs))));
  for (const [i, need] of needs.entries()) if (there[i]) await touchRun(runs, need);
  return needs.find((_, i) => !there[i]);
}

/**
 * Fetches the state from which a run can continue; returns its step, if there is one, and what others have
 * left of the run.
 */
async function fetchState(
  { hash }: QueueJob,
  { shared, runs }: CarryOutOptions,
): Promise<{ keys: readonly string[]; resumed: number | undefined }> {
  const keys = await shared.keys(hash);
  return { keys, resumed: await shared.fetchSnapshot(hash, runs, keys) };
}

/**
 * Looks for new checkpoints of a run and leaves each in the store, one at a time, until it is ended; then it
 * says whether there were any.
 */
function mirrorCheckpoints(
  job: QueueJob,
  session: string,
  { shared, runs, notice }: CarryOutOptions,
): { end(): Promise<boolean> } {
  const folder = join(runs, job.hash);
  const over = new AbortController();
  let leftAny = false;
  const look = async (): Promise<void> => {
    let left = (await checkpointSteps(folder))[0] ?? -1;
    let touched = performance.now();
    while (!over.signal.aborted) {
      await sleep(millisecondsBetweenLooks, undefined, { signal: over.signal }).catch(() => undefined);
      // A finished run leaves its result; whoever stopped a run takes care of it.
      if (over.signal.aborted) return;
      const [last = -1] = await checkpointSteps(folder);
      try {
        if (last !== left) {
          leftAny = true;
          left = (await shared.putSnapshot(job.hash, session, folder)) ?? left;
        }
      } catch (error) {
        // The run continues: its next checkpoint may reach the store.
        if (!over.signal.aborted)
          notice(`A checkpoint of «${job.title}» is not in the store: ${errorMessage(error)}`);
      }
      if (performance.now() - touched > 60_000) {
        touched = performance.now();
        for (const need of job.needs) await touchRun(runs, need);
      }
    }
  };
  const looking = look();
  return {
    async end() {
      over.abort();
      await looking;
      return leftAny;
    },
  };
}
