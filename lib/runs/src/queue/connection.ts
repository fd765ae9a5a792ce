/**
 * The queue: BullMQ's queues in a Redis (or Valkey), one for each class of jobs, plus a few keys for what
 * BullMQ does not provide:
 *
 *     {name}:classes            id → class, of every queue there is
 *     {name}:at                 hash → class, of every run in the queue
 *     {name}:needs:<hash>       runs that must be done before this one
 *     {name}:dependants:<hash>  runs that wait for this one (BullMQ's jobs have one parent at most)
 *     {name}:affinity:<key>     runs that are ready and would like to follow one with the same key
 *     {name}:failures           hash → why it failed
 *     {name}:worker:<id>        what a worker is at; gone when it is silent for half a minute
 *
 * All of this can be lost: planning again restores it, because the store knows what is done.
 */
import { isIP } from 'node:net';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { check, UserError } from 'oabn-base';
import { optional } from '../remote/optional.js';
import { classId, type JobClass, type QueueJob } from './job.js';

export type { Job, Queue, Worker } from 'bullmq';

/** A connection to the queue's server, and the names that the queue has there. */
export interface QueueConnection {
  /** Without secrets. */
  readonly address: string;
  /** The connection itself. */
  readonly redis: Redis;
  /** The prefix of all of BullMQ's keys. */
  readonly prefix: string;
  /** The name of a key of this queue in Redis. */
  readonly key: (...parts: readonly string[]) => string;
  /** The package BullMQ. */
  readonly bullmq: typeof import('bullmq');
  /** The queue of a class, by its id. */
  queue(id: string): Queue<QueueJob>;
  /** The classes there are, by their ids. */
  classes(): Promise<Map<string, JobClass>>;
  /** Makes sure that the class is known; its id. */
  register(each: JobClass): Promise<string>;
  /** A separate connection, for commands that block or listen. */
  duplicate(): Redis;
  /** Ends the connection. */
  close(): Promise<void>;
}

/** Where secrets are read from, and what is called when the server cannot be reached. */
export interface ConnectOptions {
  /** Default the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Called when the server cannot be reached, once each time. */
  readonly notice?: (message: string) => void;
}

/**
 * Connects to `redis://host:port/database?name=sweep`, or `rediss://` for TLS. User and password come from
 * REDIS_USERNAME and REDIS_PASSWORD (or redis-cli's REDISCLI_AUTH); in the address they work as well, and are
 * never shown. NODE_EXTRA_CA_CERTS names a certificate of your own to trust. Two sweeps on one server have
 * different names; default `runs`.
 * @throws UserError when the address is wrong, or nothing answers there
 */
export async function connectQueue(address: string, options: ConnectOptions = {}): Promise<QueueConnection> {
  const { environment = process.env, notice = (message) => process.stderr.write(`${message}\n`) } = options;
  const [{ Redis: Client }, bullmq] = await Promise.all([
    optional('ioredis', 'the queue'),
    optional('bullmq', 'the queue'),
  ]);
  const { url, name } = parseAddress(address);
  const {
    username = environment.REDIS_USERNAME,
    password = environment.REDIS_PASSWORD || environment.REDISCLI_AUTH,
  } = credentialsOf(url);
  const shown = `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
  const host = url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  const redis = new Client({
    host,
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    ...(username && { username }),
    ...(password && { password }),
    // A server with several names is told which one is meant; a numeric address is not a name.
    ...(url.protocol === 'rediss:' && { tls: isIP(host) ? {} : { servername: host } }),
    // Commands wait for a server that is away, however long, and are sent again when it comes back.
    maxRetriesPerRequest: null,
    retryStrategy: (attempt: number) => Math.min(5000, 100 * 2 ** Math.min(attempt, 6)),
    // A peer that vanished without a word, as an unplugged machine does, is noticed.
    keepAlive: 10_000,
    connectTimeout: 5000,
    lazyConnect: true,
  });
  let connected = false;
  let away: unknown;
  redis.on('error', (error) => {
    if (connected && !away) notice(`The queue ${shown} is unreachable (${error.message}); waiting for it.`);
    away = error;
  });
  redis.on('ready', () => {
    if (connected && away) notice(`The queue ${shown} is back.`);
    [connected, away] = [true, undefined];
  });
  await firstConnection(redis, shown, () => away);

  const prefix = `{${name}}`;
  const key = (...parts: readonly string[]): string => [prefix, ...parts].join(':');
  const queues = new Map<string, Queue<QueueJob>>();
  const queue = (id: string): Queue<QueueJob> => {
    let found = queues.get(id);
    if (!found) {
      found = new bullmq.Queue<QueueJob>(id, { connection: redis, prefix });
      found.on('error', () => undefined); // Said by the connection.
      queues.set(id, found);
    }
    return found;
  };
  const copies: Redis[] = [];
  return {
    address: shown,
    redis,
    prefix,
    key,
    bullmq,
    queue,
    async classes() {
      const all = await redis.hgetall(key('classes'));
      return new Map(Object.entries(all).map(([id, text]) => [id, JSON.parse(text) as JobClass]));
    },
    async register(each) {
      const id = classId(each);
      await redis.hset(key('classes'), id, JSON.stringify(each));
      return id;
    },
    duplicate() {
      const copy = redis.duplicate({ lazyConnect: false });
      copy.on('error', () => undefined);
      copies.push(copy);
      return copy;
    },
    async close() {
      await Promise.all([...queues.values()].map((each) => each.close().catch(() => undefined)));
      for (const each of [redis, ...copies]) each.disconnect();
    },
  };
}

function parseAddress(address: string): { url: URL; name: string } {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new UserError(`A queue is named redis://host:port, got ${withoutSecrets(address)}`);
  }
  check(
    url.protocol === 'redis:' || url.protocol === 'rediss:',
    `A queue is named redis://host:port or, for TLS, rediss://host:port; got ${withoutSecrets(address)}`,
  );
  check(/^\/?\d*$/.test(url.pathname), `The database in ${withoutSecrets(address)} must be a number`);
  const name = url.searchParams.get('name') ?? 'runs';
  check(/^[\w.-]+$/.test(name), `A sweep’s name is made of letters, digits, «.», «_», «-»; got ${name}`);
  return { url, name };
}

/** User and password end at the last @ before the path, however they were written. */
const withoutSecrets = (address: string): string => address.replace(/\/\/[^/?#]*@/, '//');

function credentialsOf({ username, password }: URL): { username?: string; password?: string } {
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
}

async function firstConnection(redis: Redis, shown: string, lastError: () => unknown): Promise<void> {
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    redis.disconnect();
    const why = ((lastError() ?? error) as Error).message;
    const advice = /certificate/i.test(why)
      ? 'NODE_EXTRA_CA_CERTS names the file of a certificate that is to be trusted'
      : 'Make sure that Redis or Valkey is running there, and that REDIS_PASSWORD is its password if it has one';
    throw new UserError(`The queue ${shown} cannot be used: ${why || 'no answer'}. ${advice}.`, {
      cause: error,
    });
  }
}
