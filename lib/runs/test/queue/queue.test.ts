/** The queue with a real Redis and workers in processes of their own, and everything that can happen to them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  computeInQueue,
  connectQueue,
  enqueue,
  type FollowOptions,
  type Plan,
  type QueueConnection,
  type QueueJob,
  queueStatus,
} from '../../src/queue/index.js';
import { openObjects, putData, type SharedRuns, sharedRuns } from '../../src/remote/index.js';
import { needs, redisProgram, type Server, startRedis } from './servers.js';
import {
  assertSameAsLocal,
  startWorker,
  type TestWorker,
  type TestWorkerOptions,
  toyJob,
  toySweep,
} from './support.js';
import type { QueueToyConfig } from './toyExecutor.js';

const plan: Plan = {
  version: '1',
  holdsCode: (config) => (config as { source?: string }).source !== undefined,
};

describe('queue', function () {
  this.timeout(120_000);
  let redis: Server;
  let folder: string;
  let shared: SharedRuns;
  let connection: QueueConnection;
  let log: string;
  let workers: TestWorker[] = [];
  let sweep = 0;

  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    redis = await startRedis();
  });
  after(async () => await redis?.stop());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runs-queue-'));
    log = join(folder, 'executions');
    shared = sharedRuns(await openObjects(join(folder, 'store')));
    connection = await connectQueue(`${redis.url}?name=sweep${++sweep}`, { notice: () => undefined });
  });
  afterEach(async () => {
    for (const { process: child } of workers) child.kill('SIGKILL');
    workers = [];
    await connection.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  const begin = (options: Partial<TestWorkerOptions> = {}): TestWorker => {
    const worker = startWorker({
      queue: `${redis.url}?name=sweep${sweep}`,
      store: join(folder, 'store'),
      cache: join(folder, `cache${workers.length}`),
      leaseSeconds: 2,
      ...options,
    });
    workers.push(worker);
    return worker;
  };
  const compute = async (jobs: readonly QueueJob[], options: FollowOptions = {}) =>
    await computeInQueue(connection, shared, jobs, plan, {
      collect: async ({ hash }) => void (await shared.fetchRun(hash, join(folder, 'collected'))),
      ...options,
    });
  const sameAsLocal = async (jobs: readonly QueueJob<QueueToyConfig>[]): Promise<void> =>
    await assertSameAsLocal(jobs, join(folder, 'collected'), join(folder, 'local'));
  /** The steps that executions of a run began at, in order. */
  const beginnings = async (toy: string): Promise<number[]> => {
    const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
    return lines.flatMap((line) => {
      const [, step, ...config] = line.split(' ');
      return (JSON.parse(config.join(' ')) as QueueToyConfig).toy === toy ? [Number(step)] : [];
    });
  };
  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    for (let i = 0; i < 400; i++) {
      if (await condition()) return;
      await sleep(50);
    }
    throw new Error(`It never happened that ${what}`);
  };
  const hasSnapshot = async ({ hash }: QueueJob, step = 1): Promise<boolean> =>
    ((await shared.snapshot(hash))?.step ?? 0) >= step;

  it('computes each run once, those that others need first, with the bytes of the local store', async () => {
    const jobs = toySweep(3, 3, { log });
    const shown: string[] = [];
    begin();
    begin({ jobs: 2 });
    const result = await compute(jobs, { onDone: ({ title }) => void shown.push(title) });
    assert.deepEqual(result, { computed: 12, failures: [] });
    assert.equal(new Set(shown).size, 12);
    for (const { title } of jobs) assert.deepEqual(await beginnings(title), [0], title);
    await sameAsLocal(jobs);
    // Asked again, by somebody who knows nothing of all this, it is there.
    assert.deepEqual(await compute(jobs), { computed: 0, failures: [] });
    const { classes, workers: present } = await queueStatus(connection);
    assert.deepEqual(classes, []);
    assert.equal(present.length, 2);
  });

  it('computes a run once that two machines plan', async () => {
    const jobs = toySweep(2, 2, { log });
    const other = await connectQueue(`${redis.url}?name=sweep${sweep}`);
    const both = Promise.all([compute(jobs), computeInQueue(other, shared, jobs.slice(0, 3), plan)]);
    begin();
    await both;
    await other.close();
    for (const { title } of jobs) assert.equal((await beginnings(title)).length, 1, title);
  });

  it('fails a run once that fails by its own fault, and what needs it, and nothing else', async () => {
    const network = toyJob({ toy: 'broken', steps: 5, size: 4, every: 5, log, then: 'fail' });
    const needing = toyJob({ toy: 'needing', steps: 5, size: 4, every: 5, log, from: network.hash });
    const good = toySweep(1, 2, { log });
    begin();
    const { computed, failures } = await compute([network, needing, ...good]);
    assert.equal(computed, 3);
    assert.deepEqual(failures.map(({ title, message }) => [title, message]).sort(), [
      ['broken', 'the toy broke'],
      ['needing', 'It needs «broken», which failed'],
    ]);
    assert.deepEqual(await beginnings('broken'), [0]);
    assert.deepEqual(await beginnings('needing'), []);
    // Asked for again it is tried again.
    assert.equal((await compute([network, needing])).failures.length, 2);
    assert.deepEqual(await beginnings('broken'), [0, 0]);
  });

  it('gives up a run whose process dies under it three times, as for want of memory', async () => {
    const deadly = toyJob({ toy: 'deadly', steps: 5, size: 4, every: 5, log, then: 'kill' });
    begin();
    const { failures } = await compute([deadly, ...toySweep(1, 0)]);
    assert.match(failures[0]!.message, /Its process ended \(SIGKILL\), perhaps for want of memory, 3 times/);
    assert.equal((await beginnings('deadly')).length, 3);
  });

  it('gives a run back at SIGTERM with its checkpoint, and another worker goes on there', async () => {
    const jobs = [toyJob({ toy: 'long', steps: 80, size: 16, every: 4, milliseconds: 40, log })];
    const first = begin();
    const result = compute(jobs);
    await until('it has a checkpoint', () => hasSnapshot(jobs[0]!, 8));
    first.process.kill('SIGTERM');
    const { report } = (await first.end)!;
    assert.deepEqual(report, { computed: 0, failed: 0, givenBack: 1, left: 1 });
    const { step } = (await shared.snapshot(jobs[0]!.hash))!;
    begin();
    await result;
    assert.deepEqual(await beginnings('long'), [0, step]);
    await sameAsLocal(jobs);
  });

  it('goes on from the last checkpoint elsewhere when a worker is killed', async () => {
    const jobs = [toyJob({ toy: 'long', steps: 80, size: 16, every: 4, milliseconds: 40, log })];
    const first = begin();
    const result = compute(jobs);
    await until('it has a checkpoint', () => hasSnapshot(jobs[0]!, 12));
    first.process.kill('SIGKILL');
    begin();
    await result;
    const [fresh, resumed, ...rest] = await beginnings('long');
    assert.equal(fresh, 0);
    assert.ok(resumed! >= 12, `resumed at ${resumed}`);
    assert.deepEqual(rest, []);
    await sameAsLocal(jobs);
  });

  it('does not lose a run that computes without pause for longer than its lease lasts', async () => {
    const jobs = [toyJob({ toy: 'busy', steps: 5, size: 4, every: 5, block: 7, log })];
    begin();
    begin();
    await compute(jobs);
    assert.deepEqual(await beginnings('busy'), [0]);
    assert.deepEqual(
      workers.flatMap(({ notices }) => notices).filter((each) => !/^done/.test(each)),
      [],
    );
  });

  it('outlives a Redis that is killed and comes back after the leases ran out', async () => {
    const jobs = [
      ...toySweep(1, 2, { log }),
      toyJob({ toy: 'long', steps: 150, size: 16, every: 10, milliseconds: 40, log }),
    ];
    begin({ jobs: 2 });
    const result = compute(jobs);
    await until('it has a checkpoint', () => hasSnapshot(jobs[3]!, 10));
    await sleep(1500); // The append-only file is written every second.
    await redis.kill();
    await sleep(3000);
    await redis.start();
    assert.deepEqual((await result).failures, []);
    for (const { title } of jobs) assert.deepEqual(await beginnings(title), [0], title);
    await sameAsLocal(jobs);
  });

  it('plans again what a Redis without memory forgot', async () => {
    const jobs = toySweep(2, 1, { log });
    const result = compute(jobs);
    await until('the plan is in the queue', async () => (await queueStatus(connection)).classes.length > 0);
    await connection.redis.flushall();
    begin();
    assert.deepEqual((await result).failures, []);
    await sameAsLocal(jobs);
  });

  it('goes on when the machine that planned is gone, and tells its successor', async () => {
    const jobs = toySweep(2, 2, { log });
    const gone = new AbortController();
    const first = compute(jobs, { signal: gone.signal });
    await until('the plan is in the queue', async () => (await queueStatus(connection)).classes.length > 0);
    gone.abort();
    await assert.rejects(first, /abort/i);
    begin();
    await until('all is done', async () => (await shared.doneHashes()).size === jobs.length);
    assert.deepEqual(await compute(jobs), { computed: 0, failures: [] });
    await sameAsLocal(jobs);
  });

  it('hands runs only to workers that can do them, and says who is missing', async () => {
    const simple = { steps: 5, size: 4, every: 5, log };
    const gpu = toyJob({ toy: 'on a GPU', ...simple }, { requirements: { backend: 'webgpu' } });
    const large = toyJob({ toy: 'large', ...simple }, { requirements: { memoryGiB: 1e6 } });
    const code = toyJob({ toy: 'code', ...simple, source: '() => 1' } as QueueToyConfig);
    const plain = toyJob({ toy: 'plain', ...simple });
    const notices: string[] = [];
    const end = new AbortController();
    const result = compute([gpu, large, code, plain], {
      signal: end.signal,
      notice: (text) => notices.push(text),
    });
    const worker = begin();
    const old = begin({ version: '0.9' });
    await worker.says(/Left to other workers: .*1 run for the backend webgpu/);
    await worker.says(/1 run of 1000000 GiB each, and this worker has/);
    await worker.says(/1 run with functions of their own, which run only with --trust/);
    await old.says(/of version 1, and this worker has 0\.9/);
    await until('the simple one is done', async () => (await shared.doneHashes()).has(plain.hash));
    assert.deepEqual(await shared.doneHashes(), new Set([plain.hash]));
    begin({ trust: true, backends: ['wasm', 'webgpu'] });
    await until('all but the large one are done', async () => (await shared.doneHashes()).size === 3);
    await until('the large one is missed', async () => notices.some((each) => /1000000 GiB/.test(each)));
    assert.match(notices.join(), /Nobody is there for: .*1 run of version 1, of 1000000 GiB/);
    end.abort();
    await result.catch(() => undefined);
  });

  it('refuses a job that is not what its name says', async () => {
    const { config } = toyJob({ toy: 'forged', steps: 5, size: 4, every: 5, log });
    // A name of digits alone, which BullMQ would not take.
    const forged = {
      ...toyJob({ toy: 'other', steps: 1, size: 1, every: 1 }),
      hash: '1234567890123456',
      config,
    };
    begin();
    const { failures } = await compute([forged]);
    assert.match(failures[0]!.message, /Job 1234567890123456 has the configuration of run [0-9a-f]{16}/);
    assert.deepEqual(await beginnings('forged'), []);
  });

  it('fetches a data set from the store once', async () => {
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'images.bin'), 'images');
    await putData(shared.objects, 'abc123', join(folder, 'data'), ['images.bin']);
    const jobs = [0, 1, 2].map((i) =>
      toyJob({ toy: `on data ${i}`, steps: 5, size: 4, every: 5, log }, { requirements: { data: 'abc123' } }),
    );
    begin({ jobs: 2 });
    assert.deepEqual((await compute(jobs)).failures, []);
    assert.equal(await readFile(join(folder, 'cache0', 'data', 'abc123', 'images.bin'), 'utf8'), 'images');
    const elsewhere = toyJob(
      { toy: 'no data', steps: 1, size: 1, every: 1 },
      { requirements: { data: 'def456' } },
    );
    await enqueue(connection, shared, [elsewhere], plan);
    await workers[0]!.says(/on data that is neither here nor in the store \(def456\)/);
  });

  it('gives a run back when the disk is full, and says so', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const small = join(folder, 'small');
    await mkdir(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small]);
    try {
      const jobs = [toyJob({ toy: 'big', steps: 6, size: 100_000, every: 3, log })];
      const result = compute(jobs);
      const full = begin({ cache: small });
      const { error } = (await full.end)!;
      assert.match(error!, /ENOSPC.*the disk is full; make room.*What was begun is back in the queue/);
      begin();
      assert.deepEqual((await result).failures, []);
      await sameAsLocal(jobs);
    } finally {
      execFileSync('umount', ['-l', small]);
    }
  });

  it('ends when nothing is left, if it is told to', async () => {
    await enqueue(connection, shared, toySweep(1, 2), plan);
    const worker = begin({ untilEmpty: true });
    assert.deepEqual((await worker.end)!.report, { computed: 3, failed: 0, givenBack: 0, left: 0 });
  });
});

describe('queue address', () => {
  it('says what is wrong, without secrets', async function () {
    await assert.rejects(connectQueue('http://user:secret@host'), (error: Error) => {
      assert.match(
        error.message,
        /^A queue is named redis:\/\/host:port or, for TLS, rediss:\/\/host:port; got http:\/\/host$/,
      );
      return true;
    });
    await assert.rejects(connectQueue('redis://:secret@127.0.0.1:1'), (error: Error) => {
      assert.match(error.message, /^The queue redis:\/\/127\.0\.0\.1:1 cannot be used: .*REDIS_PASSWORD/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  it('takes the password from the environment', async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    const redis = await startRedis({ password: 'sesame' });
    try {
      await assert.rejects(connectQueue(redis.url, { environment: {} }), /NOAUTH/);
      const connection = await connectQueue(redis.url, { environment: { REDIS_PASSWORD: 'sesame' } });
      assert.equal(connection.address, redis.url);
      await connection.close();
    } finally {
      await redis.stop();
    }
  });
});
