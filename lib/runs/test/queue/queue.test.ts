/** The queue with a real Redis and workers in processes of their own, which all tests here share. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from 'oabn-base';
import { computeInQueue, connectQueue, enqueue, type QueueJob, queueStatus } from '../../src/queue/index.js';
import { finish } from '../../src/queue/finish.js';
import { openQueues, type Taken } from '../../src/queue/take.js';
import { newSession, putData } from '../../src/remote/index.js';
import { needs, redisProgram, type Server, startRedis } from './servers.js';
import { toyJob, toySweep } from './support.js';
import { computeToy, type QueueToyConfig } from './toyExecutor.js';
import { openToySite, plan, type ToySite, until } from './toySite.js';

/** Opens a site with a Redis of its own for the tests of a `describe`, and gives it to `use`. */
function withSite(use: (site: ToySite) => void): void {
  let redis: Server | undefined;
  let site: ToySite | undefined;
  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    redis = await startRedis();
    site = await openToySite(redis.url);
    use(site);
  });
  after(async () => {
    await site?.close();
    await redis?.stop();
  });
}

describe('queue', function () {
  this.timeout(180_000);
  let site: ToySite;
  const simple = { steps: 5, size: 4, every: 5 };
  withSite((opened) => {
    site = opened;
    site.begin();
    site.begin({ jobs: 2, backends: ['abacus'] });
  });

  it('computes each run once, those that others need first, with the bytes of the local store', async () => {
    const { log, compute, beginnings } = site;
    const jobs = toySweep(3, 3, { log });
    const shown: string[] = [];
    const result = await compute(jobs, { onDone: ({ title }) => void shown.push(title) });
    assert.deepEqual(result, { computed: 12, failures: [] });
    assert.equal(new Set(shown).size, 12);
    for (const { title } of jobs) assert.deepEqual(await beginnings(title), [0], title);
    await site.sameAsLocal(jobs);
    // Asked again, by somebody who knows nothing of all this, it is there.
    assert.deepEqual(await compute(jobs), { computed: 0, failures: [] });
    assert.deepEqual((await queueStatus(site.connection)).classes, []);
    // The second may come when the first has done all of it.
    await until('both are there', async () => (await queueStatus(site.connection)).workers.length === 2);
  });

  it('computes a run once that two machines plan', async () => {
    const { log, shared, address } = site;
    const jobs = toySweep(2, 2, { log, steps: 12 });
    const other = await connectQueue(address);
    await Promise.all([site.compute(jobs), computeInQueue(other, shared, jobs.slice(0, 3), plan)]);
    await other.close();
    const begun = (await readFile(log, 'utf8')).split('\n');
    for (const { config } of jobs) {
      assert.equal(begun.filter((line) => line.endsWith(canonicalJson(config))).length, 1, config.toy);
    }
  });

  it('fails a run once that fails by its own fault, and what needs it, and nothing else', async () => {
    const { log, compute, beginnings } = site;
    const network = toyJob({ toy: 'broken', ...simple, log, then: 'fail' });
    const needing = toyJob({ toy: 'needing', ...simple, log, from: network.hash });
    const good = toySweep(1, 2, { log, steps: 9 });
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
    const { log, compute, beginnings } = site;
    const deadly = toyJob({ toy: 'deadly', ...simple, log, then: 'kill' });
    const { failures } = await compute([deadly]);
    assert.match(
      failures[0]!.message,
      /Its process ended \(SIGKILL\), perhaps because memory ran out, 3 times/,
    );
    assert.equal((await beginnings('deadly')).length, 3);
  });

  it('does not lose a run that computes without pause for longer than its lease lasts', async () => {
    const worker = site.begin({ backends: ['blocking'], leaseSeconds: 4 });
    const requirements = { backend: 'blocking' };
    await site.compute([toyJob({ toy: 'busy', ...simple, block: 9, log: site.log }, { requirements })]);
    assert.deepEqual(await site.beginnings('busy'), [0]);
    await worker.says(/^done «busy»/);
    assert.deepEqual(
      worker.notices.filter((each) => /another worker|goes on/.test(each)),
      [],
    );
    worker.process.kill('SIGTERM');
    await worker.end;
  });

  it('refuses a job that is not what its name says', async () => {
    const { config } = toyJob({ toy: 'forged', ...simple, log: site.log });
    // A name of digits alone, which BullMQ would not take.
    const forged = {
      ...toyJob({ toy: 'other', steps: 1, size: 1, every: 1 }),
      hash: '1234567890123456',
      config,
    };
    const { failures } = await site.compute([forged]);
    assert.match(failures[0]!.message, /Job 1234567890123456 has the configuration of run [0-9a-f]{16}/);
    assert.deepEqual(await site.beginnings('forged'), []);
  });

  it('refuses jobs that wait for each other, and puts in none of the plan', async () => {
    const [one, two, good] = ['one', 'two', 'good'].map((toy) =>
      toyJob({ toy, ...simple, log: site.log }),
    ) as [QueueJob, QueueJob, QueueJob];
    const jobs = [{ ...one, needs: [two.hash] }, { ...two, needs: [one.hash] }, good];
    const signal = AbortSignal.timeout(20_000);
    await assert.rejects(site.compute(jobs, { signal }), (error: Error) => {
      assert.equal(error.name, 'UserError');
      assert.match(error.message, /^2 of the jobs wait for each other \(«one», «two»\)/);
      return true;
    });
    const itself = { ...one, needs: [one.hash] };
    await assert.rejects(site.compute([itself], { signal }), /1 of the jobs waits for itself \(«one»\)/);
    assert.deepEqual(await site.beginnings('good'), []);
  });

  it('fetches a data set from the store once', async () => {
    const { folder, shared, log, workers } = site;
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'images.bin'), 'images');
    await putData(shared.objects, 'abc123', join(folder, 'data'), ['images.bin']);
    // For the second worker alone.
    const requirements = { data: 'abc123', backend: 'abacus' };
    const jobs = [0, 1, 2, 3].map((i) => toyJob({ toy: `on data ${i}`, ...simple, log }, { requirements }));
    assert.deepEqual((await site.compute(jobs)).failures, []);
    const fetched = join(folder, 'cache1', 'data', 'abc123', 'images.bin');
    assert.equal(await readFile(fetched, 'utf8'), 'images');
    // What is here is not asked for again: later runs do not notice that the store has lost it.
    await shared.objects.remove(['data/abc123/images.bin']);
    const later = toyJob({ toy: 'later on data', ...simple, log }, { requirements });
    assert.deepEqual((await site.compute([later])).failures, []);
    const elsewhere = toyJob(
      { toy: 'no data', steps: 1, size: 1, every: 1 },
      { requirements: { data: 'def456' } },
    );
    await enqueue(site.connection, shared, [elsewhere], plan);
    await workers[0]!.says(/on data that is neither here nor in the store \(def456\)/);
  });

  it('hands runs only to workers that can do them, and says who is missing', async () => {
    const { log, shared, begin, workers } = site;
    const gpu = toyJob({ toy: 'on a GPU', ...simple, log }, { requirements: { backend: 'webgpu' } });
    const large = toyJob({ toy: 'large', ...simple, log }, { requirements: { memoryGiB: 1e6 } });
    const code = toyJob({ toy: 'code', ...simple, log, source: '() => 1' } as QueueToyConfig);
    const plain = toyJob({ toy: 'plain', ...simple, log });
    const isDone = async ({ hash }: QueueJob): Promise<boolean> => (await shared.doneHashes()).has(hash);
    const notices: string[] = [];
    const end = new AbortController();
    const result = site.compute([gpu, large, code, plain], {
      signal: end.signal,
      notice: (text) => notices.push(text),
    });
    const old = begin({ version: '0.9' });
    await workers[0]!.says(/Left to other workers: .*1 run for the backend webgpu/);
    await workers[0]!.says(/1 run of 1000000 GiB each, and this worker has/);
    await workers[0]!.says(/1 run with functions of their own, which run only with --trust/);
    await until('the simple one is done', () => isDone(plain));
    assert.deepEqual(await Promise.all([gpu, large, code].map(isDone)), [false, false, false]);
    begin({ trust: true, backends: ['wasm', 'webgpu'] });
    await until('the others are done', async () => (await isDone(gpu)) && (await isDone(code)));
    await old.says(/of version 1, and this worker has 0\.9/);
    await until('the large one is missed', async () => notices.some((each) => /1000000 GiB/.test(each)));
    assert.match(notices.join(), /No worker can serve: .*1 run of version 1, of 1000000 GiB/);
    end.abort();
    await result.catch(() => undefined);
  });
});

describe('a run whose worker is killed as it has left the queue', function () {
  let site: ToySite;
  withSite((opened) => (site = opened));

  it('is done for those who wait for it', async () => {
    const { connection, shared, folder } = site;
    const job = toyJob({ toy: 'done', steps: 1, size: 1, every: 1 });
    const result = site.compute([job]);
    const queues = openQueues(connection, able);
    let taken: Taken | undefined;
    await until('the run is taken', async () => (taken = await queues.next('token', [])) !== undefined);
    await computeToy(join(folder, 'here'), job.config);
    await shared.commit(job.hash, newSession(), join(folder, 'here', job.hash));
    const left = taken!.job.moveToCompleted.bind(taken!.job);
    taken!.job.moveToCompleted = async (...args) => {
      await left(...args);
      throw new Error('killed');
    };
    await assert.rejects(
      finish(connection, taken!, { kind: 'done', computed: true }, async () => true),
      /killed/,
    );
    assert.deepEqual(await result, { computed: 1, failures: [] });
    await queues.close();
  });
});

describe('a run whose need finishes while a worker gives it up', function () {
  let site: ToySite;
  withSite((opened) => (site = opened));

  it('is taken again, and fails where the store does not have the need', async () => {
    const { connection } = site;
    const job = toyJob({ toy: 'needing', steps: 1, size: 1, every: 1 });
    const result = site.compute([job]);
    const queues = openQueues(connection, able);
    const take = async (): Promise<Taken> => {
      let taken: Taken | undefined;
      await until('the run is taken', async () => (taken = await queues.next('token', [])) !== undefined);
      return taken!;
    };
    const notReady = { kind: 'notReady', need: '0123456789abcdef' } as const;
    assert.equal(await finish(connection, await take(), notReady, async () => true), false);
    assert.equal(await finish(connection, await take(), notReady, async () => false), true);
    const { failures } = await result;
    assert.match(failures[0]!.message, /neither in the store nor in the queue/);
    await queues.close();
  });
});

const able = {
  version: '1',
  trust: false,
  leaseSeconds: 30,
  backends: ['wasm'],
  memoryGiB: 8,
  hasData: async () => false,
};

describe('which job a worker takes', function () {
  let site: ToySite;
  withSite((opened) => (site = opened));

  it('follows its affinity, the dearest first, and else takes them in order', async () => {
    const job = (toy: string, ...affinity: string[]) =>
      toyJob({ toy, steps: 1, size: 1, every: 1 }, { affinity });
    const jobs = [
      job('a1', 'compiled a', 'network 1'),
      job('b1', 'compiled b', 'network 2'),
      job('a2', 'compiled a', 'network 3'),
      job('b2', 'compiled b', 'network 3'),
      job('c', 'compiled c', 'network 2'),
    ];
    await enqueue(site.connection, site.shared, jobs, plan);
    const queues = openQueues(site.connection, able);
    const taken: string[] = [];
    let affinity: readonly string[] = [];
    for (let i = 0; i < jobs.length; i++) {
      const { job: next, token } = (await queues.next(`${i}`, affinity))!;
      taken.push(next.data.title);
      ({ affinity } = next.data);
      await next.moveToCompleted(undefined, token, false);
    }
    // After a2 none is left that shares what was compiled for it; b2 shares its network.
    assert.deepEqual(taken, ['a1', 'a2', 'b2', 'b1', 'c']);
    assert.equal(await queues.next('none', affinity), undefined);
    await queues.close();
  });

  it('takes what few can do before what all can, and nothing that it cannot', async () => {
    const job = (toy: string, requirements: object) =>
      toyJob({ toy, steps: 2, size: 1, every: 1 }, { requirements });
    const jobs = [
      job('any', {}),
      job('on wasm', { backend: 'wasm', memoryGiB: 4 }),
      job('on a GPU', { backend: 'webgpu' }),
      job('too large', { memoryGiB: 9 }),
    ];
    await enqueue(site.connection, site.shared, jobs, plan);
    const queues = openQueues(site.connection, able);
    const titles = [await queues.next('1', []), await queues.next('2', []), await queues.next('3', [])];
    assert.deepEqual(
      titles.map((each) => each?.job.data.title),
      ['on wasm', 'any', undefined],
    );
    assert.deepEqual((await queues.refused()).sort(), [
      '1 run for the backend webgpu',
      '1 run of 9 GiB each, and this worker has 8.0 for one',
    ]);
    await queues.close();
  });

  it('knows what is left before it has taken anything', async () => {
    const queues = openQueues(site.connection, { ...able, backends: ['webgpu'] });
    assert.ok((await queues.left()) >= 1);
    await queues.close();
  });

  it('serves each queue once, however many ask at the same time', async () => {
    const job = toyJob({ toy: 'of version 3', steps: 1, size: 1, every: 1 });
    await enqueue(site.connection, site.shared, [job], { ...plan, version: '3' });
    let begun = 0;
    class Counted extends site.connection.bullmq.Worker {
      constructor(...args: ConstructorParameters<typeof site.connection.bullmq.Worker>) {
        super(...args);
        begun++;
      }
    }
    const connection = { ...site.connection, bullmq: { ...site.connection.bullmq, Worker: Counted } };
    const queues = openQueues(connection, { ...able, version: '3' });
    const [, next, left] = await Promise.all([queues.left(), queues.next('1', []), queues.left()]);
    assert.deepEqual([next?.job.data.title, left, begun], ['of version 3', 1, 1]);
    await queues.close();
  });

  it('asks anew what is left, however recently it looked', async () => {
    const queues = openQueues(site.connection, { ...able, version: '2' });
    assert.equal(await queues.left(), 0);
    const job = toyJob({ toy: 'of version 2', steps: 1, size: 1, every: 1 });
    await enqueue(site.connection, site.shared, [job], { ...plan, version: '2' });
    assert.equal(await queues.left(), 1);
    await queues.close();
  });
});

describe('queue address', () => {
  it('says what is wrong, without secrets', async () => {
    await assert.rejects(connectQueue('http://user:sec@ret@host'), (error: Error) => {
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
});
