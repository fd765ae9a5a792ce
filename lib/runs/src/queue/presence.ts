/**
 * Every few seconds, workers report where they are and what they are doing; one that is silent for half a
 * minute counts as gone.
 */
import { hostname } from 'node:os';
import { executed } from './graph.js';
import type { QueueConnection } from './connection.js';

/** A run that is being computed. */
export interface AtWork {
  /** The run's hash. */
  readonly hash: string;
  /** The run in a few words. */
  readonly title: string;
  /** The share of the work that is done, from 0 to 1, as reported by its progress. */
  readonly share: number;
  /** What it says about itself, such as the loss. */
  readonly text: string;
}

/** What is known about a worker. */
export interface WorkerPresence {
  /** A name that no other worker has. */
  readonly id: string;
  /** The machine that it runs on. */
  readonly host: string;
  /** Its process id. */
  readonly pid: number;
  /** Its program's version. */
  readonly version: string;
  /** How many runs it computes at a time. */
  readonly slots: number;
  /** Ids of the classes that it serves. */
  readonly serves: readonly string[];
  /** What it is computing. */
  readonly runs: readonly AtWork[];
}

const secondsOfSilence = 30;
const secondsBetween = 2;

/** Publishes what `describe` says until it is ended. */
export function presence(
  { redis, key }: QueueConnection,
  id: string,
  describe: () => Omit<WorkerPresence, 'id' | 'host' | 'pid'>,
): { end(): Promise<void> } {
  let [last, at] = ['', -Infinity];
  let asking = false;
  const tell = async (): Promise<void> => {
    const text = JSON.stringify({
      id,
      host: hostname(),
      pid: process.pid,
      ...describe(),
    } satisfies WorkerPresence);
    if (text === last && performance.now() - at < 1000 * (secondsOfSilence / 3)) return;
    [last, at] = [text, performance.now()];
    await executed(
      redis.pipeline().set(key('worker', id), text, 'EX', secondsOfSilence).sadd(key('workers'), id),
    );
  };
  const timer = setInterval(() => {
    // While the server is away, a single command waits for it, not one for each heartbeat.
    if (asking) return;
    asking = true;
    tell()
      .catch(() => undefined)
      .finally(() => (asking = false));
  }, 1000 * secondsBetween);
  void tell().catch(() => undefined);
  return {
    async end() {
      clearInterval(timer);
      await executed(redis.pipeline().del(key('worker', id)).srem(key('workers'), id));
    },
  };
}

/** The workers that are present. */
export async function workersOf({ redis, key }: QueueConnection): Promise<WorkerPresence[]> {
  const ids = await redis.smembers(key('workers'));
  if (ids.length === 0) return [];
  const texts = await redis.mget(ids.map((id) => key('worker', id)));
  const gone = ids.filter((_, i) => texts[i] === null);
  if (gone.length > 0) await redis.srem(key('workers'), ...gone);
  return texts.flatMap((text) => (text === null ? [] : (JSON.parse(text!) as WorkerPresence)));
}
