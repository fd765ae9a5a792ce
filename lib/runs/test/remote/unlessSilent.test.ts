/** Requests to a bucket end when nothing moves, and not before: files may take longer than any limit. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { PassingError } from '../../src/remote/patience.js';
import { s3Objects } from '../../src/remote/s3.js';
import { fetchUnlessSilent } from '../../src/remote/unlessSilent.js';

/** The longest silence, and pauses that are far shorter but last longer together. */
const silentMilliseconds = 700;
const pause = 100;
const pieces = 10;

describe('requests that last as long as something moves', () => {
  const piece = new Uint8Array(1000).fill(7);
  const whole = Buffer.concat(Array.from({ length: pieces }, () => piece));
  let server: Server;
  let url: string;
  let answer: (asked: IncomingMessage, given: ServerResponse) => unknown;

  before(async () => {
    server = createServer((asked, given) => void answer(asked, given)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  /** A bucket whose objects are answered with `answerObject`. */
  const bucketOf = async (answerObject: typeof answer) => {
    answer = (asked, given) =>
      asked.url!.includes('list-type') ? given.end('<Key></Key>') : answerObject(asked, given);
    const environment = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_ENDPOINT_URL: url };
    return await s3Objects('s3://bucket', environment, silentMilliseconds);
  };
  async function* slowly(count = pieces): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < count; i++) {
      await sleep(pause);
      yield piece;
    }
  }

  it('waits for an answer that arrives slowly', async () => {
    const objects = await bucketOf(async (_, given) => {
      for await (const each of slowly()) given.write(each);
      given.end();
    });
    const path = join(await mkdtemp(join(tmpdir(), 'runs-slow-')), 'file');
    const [bytes, there] = await Promise.all([objects.get('key'), objects.getFile('key', path)]);
    assert.deepEqual([Buffer.from(bytes!), there, await readFile(path)], [whole, true, whole]);
  });

  it('waits for what goes out slowly, and says how long it is', async () => {
    answer = async (asked, given) => {
      const received = await asked.toArray();
      given.end(`${asked.headers['content-length']} ${Buffer.concat(received).length}`);
    };
    const slow = {
      size: whole.length,
      stream: () => Readable.toWeb(Readable.from(slowly())),
    } as unknown as Blob;
    const send = async (body: Uint8Array | Blob): Promise<string> => {
      const sent = await fetchUnlessSilent(new URL(url), { method: 'PUT', headers: {}, body }, silentMilliseconds); // prettier-ignore
      return await sent.text();
    };
    assert.deepEqual(await Promise.all([slow, whole, new Blob([whole]), new Uint8Array()].map(send)), [
      ...Array<string>(3).fill(`${whole.length} ${whole.length}`),
      '0 0',
    ]);
  });

  it('gives up on an answer that does not come, or stops coming', async () => {
    const silent = await bucketOf(() => undefined);
    await assert.rejects(silent.get('key'), (error) => {
      assert.ok(error instanceof PassingError);
      assert.match(error.message, /^GET http:.*: silent for 0\.7 s$/);
      return true;
    });
    const stuck = await bucketOf(async (_, given) => {
      for await (const each of slowly(2)) given.write(each);
    });
    const path = join(await mkdtemp(join(tmpdir(), 'runs-stuck-')), 'file');
    const brokeOff = (work: Promise<unknown>) =>
      assert.rejects(work, (error) => {
        assert.ok(error instanceof PassingError);
        assert.match(error.message, /the answer broke off \(silent for 0\.7 s\)/);
        return true;
      });
    await Promise.all([brokeOff(stuck.get('key')), brokeOff(stuck.getFile('key', path))]);
  });
});
