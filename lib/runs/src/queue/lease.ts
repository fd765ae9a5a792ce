/**
 * The right to work on a job, which a worker must renew. BullMQ's known weakness is a processor that computes
 * without pause: the timer that should renew its lock never runs, and the job is given to a second worker
 * (its issues 2857, 3056, 3078). Here the process that renews never computes; runs are computed by its
 * children.
 */
import type { Job, QueueConnection } from './connection.js';
import type { QueueJob } from './job.js';

export interface Lease {
  /** Aborts when the job belongs to another worker. */
  readonly lost: AbortSignal;
  end(): void;
}

/**
 * Retakes the lock of a job that ran out while the server was away or the machine slept, if nobody has been
 * given the job since: then no harm was done. LPOS says whether it is still among the active ones.
 */
const takeAgain = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if not redis.call('LPOS', KEYS[2], ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SREM', KEYS[3], ARGV[3])
return 1`;

/** Renews the lock of `job`, from the queue `id`, three times before it would run out. */
export function holdLease(
  connection: QueueConnection,
  id: string,
  job: Job<QueueJob>,
  token: string,
  milliseconds: number,
): Lease {
  const lost = new AbortController();
  const { redis, queue } = connection;
  const keyOf = (name: string): string => queue(id).toKey(name);
  const renew = async (): Promise<boolean> => {
    const renewed = await job.extendLock(token, milliseconds).catch((error: unknown) => {
      // What BullMQ says when the lock is not ours; anything else says nothing about the lock.
      if (/lock/i.test((error as Error).message)) return 0;
      throw error;
    });
    if (Number(renewed) === 1) return true;
    const taken = await redis.eval(
      takeAgain,
      3,
      keyOf(`${job.id}:lock`),
      keyOf('active'),
      keyOf('stalled'),
      token,
      String(milliseconds),
      job.id!,
    );
    return Number(taken) === 1;
  };
  // A command waits for a server that is away: one is enough.
  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    renew()
      .then((held) => {
        if (!held) lost.abort(new Error(`Run ${job.data.hash} was given to another worker`));
      })
      .catch(() => undefined)
      .finally(() => (asking = false));
  }, milliseconds / 3);
  return {
    lost: lost.signal,
    end: () => clearInterval(timer),
  };
}
