/**
 * Runs that wait for others. A run that is not ready is in its queue as a delayed job; when the last run that
 * it needs is done, whoever finished that one brings it forward. Every step can be repeated, and is repeated
 * by whoever takes over from a worker that died between two of them.
 */
import type { QueueConnection } from './connection.js';
import { jobId } from './job.js';

/**
 * «Not before somebody says so»: five years. BullMQ packs time and order into one number, which ends in 2039.
 */
export const heldMilliseconds = 5 * 365 * 86_400_000;

/** Notes what `hash` waits for. To be called before it is put into its queue. */
export async function noteNeeds(
  { redis, key }: QueueConnection,
  waits: readonly { readonly hash: string; readonly needs: readonly string[] }[],
): Promise<void> {
  const commands = redis.pipeline();
  for (const { hash, needs } of waits) {
    commands.sadd(key('needs', hash), ...needs);
    for (const need of needs) commands.sadd(key('dependants', need), hash);
  }
  await executed(commands);
}

/**
 * Brings forward the runs that waited only for `hash`, which is done, or has failed so that they fail too.
 */
export async function release(connection: QueueConnection, hash: string): Promise<void> {
  const { redis, key } = connection;
  const waiting = await redis.smembers(key('dependants', hash));
  for (const each of waiting) {
    const [, left] = await executed(redis.multi().srem(key('needs', each), hash).scard(key('needs', each)));
    if (left === 0) await bringForward(connection, each);
    await redis.srem(key('dependants', hash), each);
  }
  if (waiting.length > 0) await wake(connection);
}

async function bringForward({ redis, key, queue }: QueueConnection, hash: string): Promise<void> {
  const id = await redis.hget(key('at'), hash);
  const job = id === null ? undefined : await queue(id).getJob(jobId(hash));
  if (!job) return;
  for (const name of job.data.affinity) await redis.sadd(key('affinity', name), hash);
  // Another worker was faster, or the job has begun.
  await job.promote().catch(() => undefined);
}

/** Tells workers that have nothing to do to look again. */
export async function wake({ redis, key }: QueueConnection): Promise<void> {
  await redis.publish(key('wake'), '');
}

interface Commands {
  exec(): Promise<[Error | null, unknown][] | null>;
}

/** The answers to a pipeline's commands. @throws the first error among them */
export async function executed(commands: Commands): Promise<unknown[]> {
  const answers = (await commands.exec()) ?? [];
  const failed = answers.find(([error]) => error);
  if (failed) throw failed[0]!;
  return answers.map(([, value]) => value);
}
