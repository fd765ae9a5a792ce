import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { ProgressEvent } from 'oabn-base';
import { DownloadError, downloadFile } from '../../src/data/index.js';
import { inFolder, userError, withServer } from './helpers.js';

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251));
const md5 = createHash('md5').update(content).digest('hex');
const quick = { retryMilliseconds: 1, connectMilliseconds: 60_000 };

/** Answers with what the Range asks for, as a server should. */
function serveRange(request: IncomingMessage, response: ServerResponse, limit = Infinity): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start >= content.length) return void response.writeHead(416).end();
  const rest = content.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length });
  if (rest.length <= limit) return void response.end(rest);
  response.write(rest.subarray(0, limit));
  setTimeout(() => response.destroy(), 30);
}

describe('downloads', () => {
  it('resume where they broke off, as often as needed, and report progress', () =>
    inFolder(async (folder) => {
      const asked: (string | undefined)[] = [];
      const events: ProgressEvent[] = [];
      const target = join(folder, 'sub', 'file.bin');
      await withServer(
        (request, response) => {
          asked.push(request.headers.range);
          serveRange(request, response, 40_000);
        },
        (url) => downloadFile(url, target, md5, { ...quick, progress: (event) => events.push(event) }),
      );
      assert.deepEqual(await readFile(target), content);
      assert.equal(asked.length, 3);
      assert.equal(asked[0], undefined);
      assert.match(asked[1]!, /^bytes=[1-9]\d*-$/);
      assert.deepEqual(await readdir(join(folder, 'sub')), ['file.bin']);
      assert.equal(events.at(-1)!.done, events.at(-1)!.total);
    }));

  it('go on from what an earlier process left', () =>
    inFolder(async (folder) => {
      const target = join(folder, 'file.bin');
      await writeFile(`${target}.part`, content.subarray(0, 99_000));
      let sent: string | undefined;
      await withServer(
        (request, response) => {
          serveRange(request, response);
          sent = request.headers.range;
        },
        (url) => downloadFile(url, target, md5, quick),
      );
      assert.equal(sent, 'bytes=99000-');
      assert.deepEqual(await readFile(target), content);
    }));

  it('finish a part that was already whole', () =>
    inFolder(async (folder) => {
      const target = join(folder, 'file.bin');
      await writeFile(`${target}.part`, content);
      await withServer(serveRange, (url) => downloadFile(url, target, md5, quick));
      assert.deepEqual(await readFile(target), content);
    }));

  it('begin again when the server knows no ranges', () =>
    inFolder(async (folder) => {
      const target = join(folder, 'file.bin');
      await writeFile(`${target}.part`, Buffer.alloc(120_000, 9));
      await withServer(
        (_, response) => response.writeHead(200, { 'content-length': content.length }).end(content),
        (url) => downloadFile(url, target, md5, quick),
      );
      assert.deepEqual(await readFile(target), content);
    }));

  it('are refused when the MD5 is another, and leave nothing to build on', () =>
    inFolder(async (folder) => {
      const target = join(folder, 'file.bin');
      const expected = 'c32a1d4ab5d03f1284b67883e8d87530';
      await withServer(serveRange, async (url) => {
        await assert.rejects(
          downloadFile(url, target, expected, quick),
          userError(`expected MD5 ${expected}, found ${md5}`, '100000 bytes', url),
        );
      });
      assert.deepEqual(await readdir(folder), []);
    }));

  it('give up on a server that has no such file, is not there, or says nothing', () =>
    inFolder(async (folder) => {
      const target = join(folder, 'file.bin');
      const refused = (reason: RegExp) => (error: unknown) => {
        assert.ok(error instanceof DownloadError, String(error));
        assert.match(error.message, reason);
        return true;
      };
      let requests = 0;
      await withServer(
        (_, response) => {
          requests++;
          response.writeHead(404).end();
        },
        async (url) => assert.rejects(downloadFile(url, target, md5, quick), refused(/answered 404/)),
      );
      assert.equal(requests, 1);
      const gone = await withServer(
        () => undefined,
        async (url) => {
          const options = { ...quick, connectMilliseconds: 50 };
          await assert.rejects(downloadFile(url, target, md5, options), refused(/no answer for 0.05 s/));
          return url;
        },
      );
      await assert.rejects(downloadFile(gone, target, md5, quick), refused(/ECONNREFUSED/));
      assert.ok(!existsSync(target));
    }));

  it('give up on a transfer that stalls or breaks off every time', () =>
    inFolder(async (folder) => {
      let requests = 0;
      const breaking = (request: IncomingMessage, response: ServerResponse): void => {
        requests++;
        serveRange(request, response, 100);
      };
      await withServer(breaking, (url) =>
        assert.rejects(downloadFile(url, join(folder, 'a'), md5, { ...quick, attempts: 3 }), DownloadError),
      );
      assert.equal(requests, 3);
      const stalling = (_: IncomingMessage, response: ServerResponse): void => {
        response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 10));
      };
      await withServer(stalling, (url) =>
        assert.rejects(
          downloadFile(url, join(folder, 'b'), md5, { ...quick, attempts: 1, stallMilliseconds: 50 }),
          userError('stalled for 0.05 s'),
        ),
      );
    }));

  it('do not ask for what is there', () =>
    inFolder(async (folder) => {
      const target = join(folder, 'file.bin');
      await writeFile(target, 'anything');
      await downloadFile('http://127.0.0.1:9/', target, md5, quick);
      assert.equal(await readFile(target, 'utf8'), 'anything');
    }));
});
