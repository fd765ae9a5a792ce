import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { type ProgressEvent, temporaryName } from 'oabn-base';
import {
  cifar10Classes,
  cifar10Source,
  denormalize,
  openDataset,
  type OpenOptions,
} from '../../src/data/index.js';
import {
  fixtures,
  IMAGES_PER_FILE,
  inFolder,
  pixelValue,
  userError,
  writeArchive,
  writeBinary,
} from './helpers.js';

const source = { ...cifar10Source, imagesPerFile: IMAGES_PER_FILE };
const open = (data: string, options: OpenOptions = {}) =>
  openDataset({ name: 'cifar10', data, cache: join(data, 'cache'), cifar10: source, ...options });

describe('CIFAR-10, binary', () => {
  it('is read from an unpacked folder, its parent or its grandparent', () =>
    inFolder(async (folder) => {
      const inside = await writeBinary(join(folder, 'cifar10'));
      for (const data of [inside, join(folder, 'cifar10'), folder]) {
        const train = await open(data);
        assert.equal(train.size, 20);
        assert.deepEqual(
          Array.from(train.labels),
          [...Array(20).keys()].map((i) => i % 10),
        );
        assert.deepEqual(train.classes, cifar10Classes);
        assert.deepEqual([train.made, train.provenance.note], [false, '']);
        const bytes = denormalize(train, (await train.take([13])).images);
        const expected = Array.from(bytes, (_, i) => pixelValue(13, Math.floor(i / 3), i % 3));
        assert.deepEqual(Array.from(bytes), expected);
      }
      const test = await open(folder, { split: 'test' });
      assert.deepEqual([test.size, test.labels[0]], [4, 0]);
      assert.notEqual(test.provenance.checksum, (await open(folder)).provenance.checksum);
    }));

  it('refuses a truncated file, a missing file and a label out of range, by name', () =>
    inFolder(async (folder) => {
      const inside = await writeBinary(folder);
      const path = join(inside, 'data_batch_3.bin');
      const whole = await readFile(path);
      await truncate(path, 9000);
      await assert.rejects(open(folder), userError(path, 'expected 12292 bytes', 'found 9000'));
      const wrong = Buffer.from(whole);
      wrong[3073] = 10;
      await writeFile(path, wrong);
      await assert.rejects(open(folder), userError(path, 'image 1', '0 to 9, found 10'));
      await rm(path);
      await assert.rejects(open(folder), userError(path, 'ENOENT'));
    }));

  it('is unpacked from the archive, whole, beside it', () =>
    inFolder(async (folder) => {
      const { source: packed } = await writeArchive(join(folder, 'cifar10'));
      const train = await open(folder, { cifar10: packed });
      assert.equal(train.size, 20);
      assert.deepEqual((await readdir(join(folder, 'cifar10'))).sort(), [
        'cifar-10-batches-bin',
        'cifar-10-binary.tar.gz',
      ]);
      await writeBinary(join(folder, 'plain'));
      const same = await open(join(folder, 'plain'));
      assert.equal(train.provenance.checksum, same.provenance.checksum);
    }));

  it('refuses an archive with another MD5, and one that is none', () =>
    inFolder(async (folder) => {
      const { source: packed } = await writeArchive(folder);
      const path = join(folder, 'cifar-10-binary.tar.gz');
      await truncate(path, 200);
      await assert.rejects(
        open(folder, { cifar10: packed }),
        userError('cifar-10-binary.tar.gz', `expected MD5 ${packed.md5}`, 'found', '200 bytes'),
      );
      assert.deepEqual(await readdir(folder), ['cifar-10-binary.tar.gz']);
    }));
});

describe('CIFAR-10, Parquet', () => {
  const parquet = join(fixtures, 'cifar10');
  const inCache = (cache: string, options: OpenOptions = {}) => open(parquet, { cache, ...options });

  it('is read from Hugging Face files in several shards, and says that it went through JPEG', () =>
    inFolder(async (cache) => {
      const events: ProgressEvent[] = [];
      const train = await inCache(cache, { progress: (event) => events.push(event) });
      assert.equal(train.size, 20);
      assert.deepEqual(
        Array.from(train.labels),
        [...Array(20).keys()].map((i) => i % 10),
      );
      assert.match(train.provenance.note, /JPEG-recompressed/);
      assert.match(train.provenance.source, /^plain_text\/train-00000-of-00002.parquet … .*2 files/);
      assert.deepEqual(events.at(-1), { task: 'decode cifar10 train', done: 20, total: 20 });
      const test = await inCache(cache, { split: 'test' });
      assert.equal(test.provenance.note, '');
    }));

  it('gives the same pixels as decoding each image by itself, from the files and from the cache', () =>
    inFolder(async (cache) => {
      const fromFiles = await inCache(cache, { split: 'test' });
      const fromCache = await inCache(cache, {
        split: 'test',
        progress: () => assert.fail('it was decoded although it is in the cache'),
      });
      const all = [0, 1, 2, 3];
      assert.deepEqual(await fromCache.take(all), await fromFiles.take(all));
      assert.deepEqual(fromCache.provenance, fromFiles.provenance);
      const { openParquet } = await import('../../src/data/parquet.js');
      const encoded = await openParquet([join(parquet, 'plain_text', 'test-00000-of-00001.parquet')]);
      const alone = await sharp(await encoded.read(2))
        .removeAlpha()
        .raw()
        .toBuffer();
      assert.deepEqual(
        Array.from(denormalize(fromFiles, (await fromFiles.take([2])).images)),
        Array.from(alone),
      );
    }));

  it('makes a damaged cache again, and says so', () =>
    inFolder(async (cache) => {
      const expected = await (await inCache(cache)).take([5]);
      const [name] = await readdir(cache);
      const path = join(cache, name!);
      const damage = [
        async () => truncate(path, 5000),
        async () => {
          const bytes = await readFile(path);
          bytes[bytes.length - 7]! ^= 1;
          await writeFile(path, bytes);
        },
        async () => writeFile(path, 'no safetensors'),
      ];
      for (const harm of damage) {
        await harm();
        const warnings: string[] = [];
        const again = await inCache(cache, { warn: (message) => warnings.push(message) });
        assert.deepEqual(await again.take([5]), expected);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0]!, /damaged and is made again/);
      }
    }));

  it('clears away what killed processes left in the cache, but not what a living one writes', () =>
    inFolder(async (cache) => {
      await inCache(cache, { split: 'test' });
      const [name] = await readdir(cache);
      // Of another machine, where nobody knows whether the process lives, and of this process.
      const [old, living] = [
        join(cache, `.${name!}.1.0123456789abcdef.tmp`),
        temporaryName(join(cache, name!)),
      ];
      for (const path of [old, living]) await writeFile(path, 'part');
      await utimes(old, 1e9, 1e9);
      await rm(join(cache, name!));
      await inCache(cache, { split: 'test' });
      assert.deepEqual((await readdir(cache)).sort(), [basename(living), name!].sort());
    }));

  it('refuses wrong files by file, row, expectation and finding', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'test-00000-of-00001.parquet');
      const cases: [string, (string | RegExp)[]][] = [
        ['wrong/label', [`${path} row 2`, '0 to 9, found 12']],
        ['wrong/image', [`${path} row 1`, 'not a readable image', 'premature end']],
        ['wrong/size', [`${path} row 1`, 'expected an image of 32×32', 'found 16×16']],
        ['wrong/empty', [`${path} row 1`, 'expected the bytes of an image, found none']],
        ['wrong/columns', [path, 'img or image', 'found picture, label']],
        ['cifar10/plain_text/train-00000-of-00002', [path, 'expected the 4 test images', 'found 12']],
      ];
      for (const [fixture, parts] of cases) {
        await copyFile(join(fixtures, `${fixture}.parquet`), path);
        await assert.rejects(open(folder, { split: 'test' }), userError(...parts));
      }
      await truncate(path, 3000);
      await assert.rejects(open(folder, { split: 'test' }), userError(path, 'end with «PAR1»', '3000 bytes'));
      await writeFile(path, 'version https://git-lfs.github.com/spec/v1');
      await assert.rejects(
        open(folder, { split: 'test' }),
        userError(path, 'begin with «PAR1»', 'found bytes 76657273'),
      );
      await writeFile(path, '');
      await assert.rejects(open(folder, { split: 'test' }), userError(path, 'it has 0 bytes'));
    }));

  it('refuses damaged bytes inside a file', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'test.parquet');
      const bytes = await readFile(join(parquet, 'plain_text', 'test-00000-of-00001.parquet'));
      const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
      for (const [from, to] of [
        [4, 200],
        [footer, footer + 100],
      ]) {
        await writeFile(path, Buffer.from(bytes).fill(0xff, from, to));
        await assert.rejects(open(folder, { split: 'test' }), userError('test.parquet'));
      }
    }));

  it('misses a shard', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'plain_text'));
      const name = 'train-00001-of-00002.parquet';
      await copyFile(join(parquet, 'plain_text', name), join(folder, 'plain_text', name));
      await assert.rejects(open(folder), userError(name, 'expected 2 files', 'found 1'));
      await assert.rejects(open(folder, { split: 'test' }), userError('no test-….parquet'));
    }));

  it('says when the cache folder cannot be written', () =>
    inFolder(async (folder) => {
      const cache = join(folder, 'file');
      await writeFile(cache, '');
      await assert.rejects(inCache(cache), userError('Cannot write the cache file', 'OABN_CACHE_DIR'));
    }));
});
