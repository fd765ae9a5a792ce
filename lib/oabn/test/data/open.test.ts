import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cacheFolder,
  cifar10Source,
  describeData,
  madeDataset,
  openDataset,
  openDatasets,
  type DatasetName,
  type OpenOptions,
} from '../../src/data/index.js';
import {
  fixtures,
  IMAGES_PER_FILE,
  inFolder,
  unreachableUrl,
  userError,
  withServer,
  writeArchive,
  writeBinary,
} from './helpers.js';

let unreachable = { ...cifar10Source, imagesPerFile: IMAGES_PER_FILE };

describe('opening a dataset by name', () => {
  before(async () => {
    unreachable = { ...unreachable, url: await unreachableUrl() };
  });

  it('falls back to the made set where CIFAR-10 cannot be had, and says so once for both splits', () =>
    inFolder(async (cache) => {
      const warnings: string[] = [];
      const options: OpenOptions = {
        cache,
        cifar10: unreachable,
        environment: {},
        made: { size: 20, seed: 4 },
        warn: (message) => warnings.push(message),
      };
      for (const name of ['auto', 'cifar10'] as const) {
        const { train, test } = await openDatasets({ ...options, name });
        assert.deepEqual([train.made, test.made, train.name, test.split], [true, true, 'made', 'test']);
        assert.deepEqual(train.provenance, madeDataset({ size: 20, seed: 4 }).provenance);
      }
      assert.equal(warnings.length, 2);
      for (const part of ['MADE DATA', 'ECONNREFUSED', 'OABN_DATA_DIR', cifar10Source.url]) {
        assert.ok(warnings[0]!.includes(part), `${part} in ${warnings[0]!}`);
      }
      await assert.rejects(
        openDataset({ ...options, standIn: false }),
        userError('could not be downloaded', '--data made', 'ECONNREFUSED'),
      );
      assert.equal(warnings.length, 2);
      const forbidden = await openDataset({ ...options, download: false });
      assert.equal(forbidden.made, true);
      assert.match(warnings[2]!, /not allowed/);
    }));

  it('downloads CIFAR-10 into the cache once, and finds it there', () =>
    inFolder(async (folder) => {
      const { bytes, source } = await writeArchive(join(folder, 'server'));
      let requests = 0;
      const cache = join(folder, 'cache');
      await withServer(
        (_, response) => {
          requests++;
          response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
        },
        async (url) => {
          const options = { cache, environment: {}, cifar10: { ...source, url } };
          const { train, test } = await openDatasets(options);
          assert.deepEqual([train.name, train.size, test.size], ['cifar10', 20, 4]);
        },
      );
      assert.equal(requests, 1);
      const offline = await openDataset({ cache, environment: {}, cifar10: unreachable });
      assert.equal(offline.made, false);
    }));

  it('downloads into a named folder only when asked, and then fails rather than falls back', () =>
    inFolder(async (data) => {
      const options: OpenOptions = { data, cache: join(data, 'cache'), cifar10: unreachable };
      await assert.rejects(openDataset(options), userError(data, 'holds no CIFAR-10', 'found nothing'));
      await assert.rejects(
        openDataset({ ...options, download: true }),
        userError('Cannot download', 'ECONNREFUSED'),
      );
    }));

  it('does not take a download with another MD5 for an unreachable server', () =>
    inFolder(async (cache) => {
      const serve = async (url: string) => {
        const options = { cache, environment: {}, cifar10: { ...unreachable, url } };
        await assert.rejects(openDataset(options), userError('expected MD5', cifar10Source.md5));
      };
      await withServer((_, response) => response.end('<html>Sign in to this network</html>'), serve);
    }));

  it('takes OABN_DATA_DIR at its word', () =>
    inFolder(async (folder) => {
      const options = (data: string): OpenOptions => ({
        environment: { OABN_DATA_DIR: data },
        cache: join(folder, 'cache'),
        cifar10: unreachable,
      });
      await assert.rejects(
        openDataset(options(join(folder, 'gone'))),
        userError('gone does not exist', 'OABN_DATA_DIR'),
      );
      const other = join(folder, 'other');
      await mkdir(other);
      await writeFile(join(other, 'notes.txt'), '');
      await assert.rejects(
        openDataset(options(other)),
        userError('holds no CIFAR-10', 'class folders', 'found notes.txt', 'oabn data --download'),
      );
      await writeBinary(join(folder, 'good'));
      assert.equal((await openDataset(options(join(folder, 'good')))).size, 20);
      const made = await openDataset({ ...options(other), name: 'made', made: { size: 10 } });
      assert.equal(made.made, true);
    }));

  it('refuses names that it does not know, and ImageNet without a folder', async () => {
    await assert.rejects(
      openDataset({ name: 'mnist' as DatasetName }),
      userError('«mnist»', 'imagenet50, made'),
    );
    await assert.rejects(openDataset({ split: 'val' as 'test' }), userError('«val»', 'train, test'));
    await assert.rejects(
      openDataset({ name: 'imagenet', environment: {} }),
      userError('cannot be downloaded', '--data'),
    );
  });

  it('keeps its cache beside the nearest package.json, or where it is told', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'a', 'b'), { recursive: true });
      assert.equal(cacheFolder({ OABN_CACHE_DIR: join(folder, 'x') }), join(folder, 'x'));
      await writeFile(join(folder, 'a', 'package.json'), '{}');
      assert.equal(cacheFolder({}, join(folder, 'a', 'b')), join(folder, 'a', '.cache', 'oabn'));
    }));
});

describe('describing a data folder', () => {
  it('lists what is there, with counts, checksums and sizes', async () => {
    const found = await describeData(fixtures);
    const summary = found.map(({ format, content, splits, problems }) => ({
      format,
      content,
      splits: splits.map(({ split, images, classes, files }) => ({ split, images, classes, files })),
      problems,
    }));
    assert.deepEqual(summary, [
      {
        format: 'parquet',
        content: 'CIFAR-10: 32×32, JPEG',
        splits: [
          { split: 'train', images: 20, classes: 10, files: 2 },
          { split: 'test', images: 4, classes: 4, files: 1 },
        ],
        problems: [],
      },
      {
        format: 'parquet',
        content: 'ImageNet or a subset: photographs, JPEG',
        splits: [{ split: 'test', images: 5, classes: 3, files: 1 }],
        problems: [],
      },
      {
        format: 'parquet',
        content: 'ImageNet or a subset: 16×16, JPEG',
        splits: [
          { split: 'train', images: 9, classes: 3, files: 1 },
          { split: 'test', images: 3, classes: 3, files: 1 },
        ],
        problems: [],
      },
    ]);
    assert.match(found[0]!.splits[0]!.checksum, /^sha256:[0-9a-f]{64}$/);
    assert.ok(found[0]!.splits[0]!.bytes > 5000);
  });

  it('gives the problems of damaged data instead of failing', () =>
    inFolder(async (folder) => {
      const inside = await writeBinary(folder);
      await writeFile(join(inside, 'test_batch.bin'), 'short');
      const { source } = await writeArchive(join(folder, 'archive'));
      await writeFile(join(folder, 'archive', 'train.parquet'), 'PAR1 and no more');
      const found = await describeData(folder, { ...source, md5: '0'.repeat(32) });
      assert.deepEqual(
        found.map(({ format, splits, problems }) => [format, splits.length, problems.length]),
        [
          ['binary', 1, 1],
          ['archive', 0, 1],
          ['parquet', 0, 2],
        ],
      );
      assert.match(found[0]!.problems[0]!, /test_batch.bin: expected 12292 bytes, found 5/);
      assert.match(found[1]!.problems[0]!, /expected MD5 0{32}/);
      assert.match(found[2]!.problems[0]!, /end with «PAR1»/);
    }));

  it('refuses a folder that is not there', () =>
    assert.rejects(describeData('/nowhere/at/all'), userError('/nowhere/at/all does not exist')));
});
