/**
 * What can happen to those who compute, plan and keep the queue, with real processes: nothing is lost,
 * nothing is done twice.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { enqueue, type QueueJob, queueStatus, type WorkerPresence } from '../../src/queue/index.js';
import { needs, redisProgram, type Server, startRedis } from './servers.js';
import { toyJob, toySweep } from './support.js';
import type { QueueToyConfig } from './toyExecutor.js';
import { openToySite, plan, type ToySite, until } from './toySite.js';

describe('faults of a sweep', function () {
  this.timeout(240_000);
  let redis: Server;
  let site: ToySite;

  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    redis = await startRedis({ durable: true });
  });
  after(async () => await redis?.stop());
  beforeEach(async () => void (site = await openToySite(redis.url)));
  afterEach(async () => await site.close());

  /** Stays at work until it is interrupted, or `hurry` is called. */
  const longJob = (): QueueJob<QueueToyConfig> =>
    toyJob({
      ...{ toy: 'long', steps: 400, size: 16, every: 4, milliseconds: 250 },
      ...{ hurry: join(site.folder, 'hurry'), log: site.log },
    });
  const hurry = (): Promise<void> => writeFile(join(site.folder, 'hurry'), '');
  const planIsThere = (): Promise<void> =>
    until('the plan is in the queue', async () => (await queueStatus(site.connection)).classes.length > 0);

  it('gives a run back at SIGTERM with its checkpoint, and another worker goes on there', async () => {
    const job = longJob();
    const [first, second] = [site.begin(), site.begin()];
    const result = site.compute([job]);
    await site.reaches(job, 8);
    // Workers say what they are at every other second.
    let running: WorkerPresence | undefined;
    await until('a worker says that it is at it', async () => {
      running = (await queueStatus(site.connection)).workers.find(({ runs }) => runs.length > 0);
      return running !== undefined;
    });
    const [stopped, other] = first.process.pid === running?.pid ? [first, second] : [second, first];
    stopped.process.kill('SIGTERM');
    const { report } = (await stopped.end)!;
    // The other may be done with it by now.
    const { left, ...counts } = report!;
    assert.deepEqual(counts, { computed: 0, failed: 0, givenBack: 1 });
    assert.ok(left === 0 || left === 1, `${left} left`);
    await result;
    const [fresh, resumed, ...rest] = await site.beginnings('long');
    assert.equal(fresh, 0);
    assert.ok(resumed! >= 8, `resumed at ${resumed}`);
    assert.deepEqual(rest, []);
    await other.says(new RegExp(`«long» continues from step ${resumed}\\.`));
    await site.sameAsLocal([job]);
  });

  it('goes on from the last checkpoint elsewhere when a worker is killed', async () => {
    const job = longJob();
    const first = site.begin({ leaseSeconds: 3 });
    const result = site.compute([job]);
    await site.reaches(job, 12);
    first.process.kill('SIGKILL');
    site.begin({ leaseSeconds: 3 });
    await result;
    const [fresh, ...resumed] = await site.beginnings('long');
    assert.equal(fresh, 0);
    assert.ok(resumed.length > 0 && resumed.every((step) => step >= 12), `resumed at ${resumed.join()}`);
    await site.sameAsLocal([job]);
  });

  it('outlives a Redis that is killed and comes back after the leases ran out', async () => {
    const jobs = [...toySweep(1, 2, { log: site.log }), longJob()];
    const idle = site.begin({ version: '0.9' });
    site.begin({ jobs: 2, leaseSeconds: 2 });
    const result = site.compute(jobs);
    await site.reaches(jobs[3]!, 8);
    await idle.says(/^Left to other workers/);
    await redis.kill();
    // Who is stopped meanwhile does not wait for ever, and does not say that nothing is left.
    idle.process.kill('SIGTERM');
    assert.equal((await idle.end)!.report!.left, undefined);
    await redis.start();
    await hurry();
    assert.deepEqual((await result).failures, []);
    // Whether who has a run takes it again, or it is given out once more, is a matter of moments.
    const [fresh, ...resumed] = await site.beginnings('long');
    assert.equal(fresh, 0);
    assert.ok(
      resumed.every((step) => step >= 8),
      `resumed at ${resumed.join()}`,
    );
    await site.sameAsLocal(jobs);
  });

  it('ends at SIGTERM though the Redis is gone, as when both are told to end, with its checkpoint', async () => {
    const job = longJob();
    const first = site.begin({ leaseSeconds: 3 });
    const result = site.compute([job]);
    await site.reaches(job, 8);
    await redis.kill();
    first.process.kill('SIGTERM');
    assert.deepEqual((await first.end)!.report, { computed: 0, failed: 0, givenBack: 1 });
    const { step } = (await site.shared.snapshot(job.hash))!;
    await redis.start();
    site.begin({ leaseSeconds: 3 });
    assert.deepEqual((await result).failures, []);
    assert.equal((await site.beginnings('long')).at(-1), step);
    await site.sameAsLocal([job]);
  });

  it('plans again what a Redis without memory forgot', async () => {
    const jobs = toySweep(2, 1, { log: site.log });
    const result = site.compute(jobs);
    await planIsThere();
    await site.connection.redis.flushall();
    site.begin();
    assert.deepEqual((await result).failures, []);
    await site.sameAsLocal(jobs);
  });

  it('goes on when the machine that planned is gone, and tells its successor', async () => {
    const jobs = toySweep(2, 2, { log: site.log });
    const gone = new AbortController();
    const first = site.compute(jobs, { signal: gone.signal });
    await planIsThere();
    gone.abort();
    await assert.rejects(first, /abort/i);
    // A worker that is to end when nothing is left does so.
    const worker = site.begin({ untilEmpty: true });
    assert.deepEqual((await worker.end)!.report, { computed: 6, failed: 0, givenBack: 0, left: 0 });
    assert.deepEqual(await site.compute(jobs), { computed: 0, failures: [] });
    await site.sameAsLocal(jobs);
  });

  it('says what is left when it is stopped before it has begun', async () => {
    await enqueue(site.connection, site.shared, toySweep(1, 1), plan);
    const worker = site.begin({ stopAtOnce: true });
    assert.deepEqual((await worker.end)!.report, { computed: 0, failed: 0, givenBack: 0, left: 2 });
  });

  const bad = (then: 'noProgram' | 'fullDisk'): QueueJob<QueueToyConfig> =>
    toyJob({ toy: then, steps: 1, size: 1, every: 1, log: site.log, then });

  it('goes on after a run that starts a file that is no program', async () => {
    const good = toySweep(1, 1, { log: site.log });
    const worker = site.begin({ untilEmpty: true });
    const { failures } = await site.compute([bad('noProgram'), ...good]);
    assert.match(failures.map(({ message }) => message).join(), /^spawnSync .*EACCES$/);
    assert.deepEqual((await worker.end)!.report, { computed: 2, failed: 1, givenBack: 0, left: 0 });
    await site.sameAsLocal(good);
  });

  it('fails a run at which three workers could not go on, and the third goes on with the others', async () => {
    const good = toySweep(1, 1, { log: site.log });
    const jobs = [bad('fullDisk'), ...good];
    for (const times of [1, 2]) {
      const result = site.compute(jobs);
      for (let i = 0; i < 2; i++) {
        const { error } = (await site.begin().end)!;
        assert.match(error!, /no space left on device What was begun is back in the queue/);
      }
      const last = site.begin({ untilEmpty: true });
      const [failure] = (await result).failures;
      assert.match(
        failure!.message,
        /^3 workers could not go on while they computed it, so it counts as its own fault; the last on \S+: no space/,
      );
      const { failed, givenBack, left } = (await last.end)!.report!;
      assert.deepEqual([failed, givenBack, left], [1, 0, 0]);
      // Asked for again, it is tried again as often.
      assert.equal((await site.beginnings('fullDisk')).length, 3 * times);
    }
    await site.sameAsLocal(good);
  });

  it('does not blame a run for workers that cannot begin', async () => {
    const [job] = toySweep(1, 0, { log: site.log });
    const result = site.compute([job!]);
    const executor = new URL('nowhere.ts', import.meta.url).href;
    for (let i = 0; i < 3; i++) {
      const { error } = (await site.begin({ executor }).end)!;
      assert.match(error!, /nowhere/);
    }
    site.begin();
    assert.deepEqual((await result).failures, []);
  });

  it('gives a run back when the disk is full, and says so', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const small = join(site.folder, 'small');
    await mkdir(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small]);
    try {
      const jobs = [toyJob({ toy: 'big', steps: 6, size: 100_000, every: 3, log: site.log })];
      const result = site.compute(jobs);
      const full = site.begin({ cache: small });
      const { error } = (await full.end)!;
      assert.match(error!, /ENOSPC.*the disk is full; make room.*What was begun is back in the queue/);
      site.begin();
      assert.deepEqual((await result).failures, []);
      await site.sameAsLocal(jobs);
    } finally {
      execFileSync('umount', ['-l', small]);
    }
  });
});
