/** What becomes of a job in the queue when its run has ended, one way or another. */
import { hostname } from 'node:os';
import type { Ending } from './carryOut.js';
import type { QueueConnection } from './connection.js';
import { executed, heldMilliseconds, noteNeeds, release, wake } from './graph.js';
import type { Taken } from './take.js';

/** What listeners are told about a run that has left the queue. */
export interface Finished {
  readonly hash: string;
  /** Why it failed, if it did. */
  readonly error?: string;
}

/** A run that failed, as the queue remembers it. */
export interface FailedRun {
  /** The run in a few words. */
  readonly title: string;
  /** Why it failed. */
  readonly message: string;
  /** The machine on which it failed. */
  readonly host: string;
  /** When it failed, in ISO 8601. */
  readonly at: string;
}

/** How many workers may be unable to go on at a run until the run is taken to be at fault. */
const workersItMayStop = 3;

/**
 * The ending of a run, which is its own failure where it has ended as the machine's on as many workers: else a
 * run that fills every disk would stop one worker after the other. To be called once for each ending.
 */
export async function blamed(
  { redis, key }: QueueConnection,
  { job }: Taken,
  ending: Ending,
): Promise<Ending> {
  if (ending.kind !== 'machine' || !ending.begun) return ending;
  const workers = await redis.hincrby(key('stopped'), job.data.hash, 1);
  if (workers < workersItMayStop) return ending;
  const message =
    `${workers} workers could not go on while they computed it, so it counts as its own fault; the last on ` +
    `${hostname()}: ${ending.message}`;
  return { kind: 'failed', message };
}

/**
 * Settles the job of a run that ended this way, and says whether the run itself is settled. `isDone` tells whether the
 * shared store has a run.
 */
export async function finish(
  connection: QueueConnection,
  taken: Taken,
  ending: Ending,
  isDone: (hash: string) => Promise<boolean>,
): Promise<boolean> {
  const { job, token } = taken;
  switch (ending.kind) {
    case 'done':
      // These come first, so that whoever takes over from a worker that dies here repeats them: once it is
      // completed nobody does, and a run that is noted as being in the queue is waited for.
      await release(connection, job.data.hash);
      await forget(connection, job.data.hash);
      await job.moveToCompleted(undefined, token, false);
      await tell(connection, { hash: job.data.hash });
      return true;
    case 'failed':
      await fail(connection, taken, ending.message, ending.stack);
      return true;
    case 'died': {
      if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) {
        await fail(connection, taken, `${ending.message}, ${job.attemptsMade + 1} times`);
        return true;
      }
      await job.moveToFailed(new Error(ending.message), token, false);
      await wake(connection);
      return false;
    }
    case 'notReady':
      return await hold(connection, taken, ending.need, isDone);
    case 'stopped':
    case 'machine':
      await giveBack(connection, taken);
      return false;
    default:
      return ending satisfies never;
  }
}

/** Puts a job where any worker may take it at once. */
async function giveBack(connection: QueueConnection, { job, token }: Taken): Promise<void> {
  const { redis, key } = connection;
  await job.moveToWait(token);
  for (const name of job.data.affinity) await redis.sadd(key('affinity', name), job.data.hash);
  await wake(connection);
}

/** Fails a run for good, once, and with it the runs that need it. */
async function fail(
  connection: QueueConnection,
  taken: Taken,
  message: string,
  stack?: string,
): Promise<void> {
  const { redis, key, bullmq } = connection;
  const { job, token } = taken;
  const { hash, title } = job.data;
  const failed: FailedRun = { title, message, host: hostname(), at: new Date().toISOString() };
  await redis.hset(key('failures'), hash, JSON.stringify(failed));
  await release(connection, hash);
  const error = new bullmq.UnrecoverableError(message);
  if (stack !== undefined) error.stack = stack;
  await job.moveToFailed(error, token, false);
  await forget(connection, hash);
  await tell(connection, { hash, error: message });
}

/** A job whose need is not in the store waits for it again, or fails with it. */
async function hold(
  connection: QueueConnection,
  taken: Taken,
  need: string,
  isDone: (hash: string) => Promise<boolean>,
): Promise<boolean> {
  const { redis, key } = connection;
  const { job, token } = taken;
  const failure = await redis.hget(key('failures'), need);
  if (failure !== null) {
    const { title } = JSON.parse(failure) as FailedRun;
    await fail(connection, taken, `It needs «${title}», which failed`);
    return true;
  }
  if ((await redis.hget(key('at'), need)) === null) {
    // It may have finished after this job looked for it.
    if (await isDone(need)) {
      await giveBack(connection, taken);
      return false;
    }
    await fail(
      connection,
      taken,
      `It needs run ${need}, which is neither in the store nor in the queue; plan that run again`,
    );
    return true;
  }
  await noteNeeds(connection, [{ hash: job.data.hash, needs: [need] }]);
  await job.moveToDelayed(Date.now() + heldMilliseconds, token);
  // It may have finished between the check and the note.
  if ((await redis.hget(key('at'), need)) === null) await release(connection, need);
  return false;
}

/** Removes the notes on a run that leaves the queue. */
async function forget({ redis, key }: QueueConnection, hash: string): Promise<void> {
  await executed(redis.pipeline().hdel(key('at'), hash).hdel(key('stopped'), hash).del(key('needs', hash)));
}

/** Tells listeners about a run that has left the queue. */
async function tell({ redis, key }: QueueConnection, finished: Finished): Promise<void> {
  await redis.publish(key('finished'), JSON.stringify(finished));
}
