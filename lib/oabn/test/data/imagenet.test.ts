import assert from 'node:assert/strict';
import { cp, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { datasetFiles, denormalize, openDataset, type OpenOptions } from '../../src/data/index.js';
import { centerPlacement, decodeImage } from '../../src/data/decode.js';
import { openParquet } from '../../src/data/parquet.js';
import { collect, fixtures, inFolder, userError } from './helpers.js';

const open = (data: string, options: OpenOptions = {}) =>
  openDataset({ name: 'imagenet', data, cache: join(data, 'cache'), ...options });

/** A JPEG of one colour, with a white square in its middle. */
const photograph = (width: number, height: number, background: string) =>
  sharp({ create: { width, height, channels: 3, background } })
    .composite([{ input: { create: { width: 10, height: 10, channels: 3, background: 'white' } } }])
    .jpeg({ quality: 95 })
    .toBuffer();

/** Writes train/ and val/ with three classes, one of them missing in val. */
async function writeFolders(root: string, nested = ''): Promise<void> {
  const colors = { n01440764: 'red', n01443537: 'green', n02095889: 'blue' };
  for (const [split, count] of [['train', 3] as const, ['val', 1] as const]) {
    for (const [wnid, color] of Object.entries(colors)) {
      if (split === 'val' && wnid === 'n01443537') continue;
      const folder = join(root, split, wnid, nested);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < count; i++)
        await writeFile(join(folder, `${i}.JPEG`), await photograph(60 + 9 * i, 50, color));
    }
  }
}

describe('ImageNet, class folders', () => {
  it('labels by the sorted names of all splits, and names classes by words.txt', () =>
    inFolder(async (root) => {
      await writeFolders(root);
      await writeFile(
        join(root, 'words.txt'),
        'n01440764\ttench, Tinca tinca\nn02095889\tSealyham terrier\n',
      );
      const train = await open(root, { size: 32 });
      assert.deepEqual(Array.from(train.labels), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
      assert.deepEqual(train.classes, ['tench', 'n01443537', 'Sealyham terrier']);
      const val = await open(root, { size: 32, split: 'test' });
      assert.deepEqual(Array.from(val.labels), [0, 2]);
      assert.deepEqual(val.imageShape, [32, 32, 3]);
    }));

  it('is what auto means in a folder that has no CIFAR-10, and cifar10 never does', () =>
    inFolder(async (root) => {
      await writeFolders(root);
      const found = await open(root, { name: 'auto', split: 'test', size: 32 });
      assert.deepEqual([found.name, found.size, found.classes.length], ['imagenet', 2, 3]);
      const { folder, files } = (await datasetFiles({ name: 'auto', data: root }))!;
      assert.deepEqual([folder, files.length], [root, 11]);
      await assert.rejects(open(root, { name: 'cifar10' }), userError('holds no CIFAR-10', 'train, val'));
    }));

  it('labels by wnids.txt where there is one, and refuses folders that it lacks', () =>
    inFolder(async (root) => {
      await writeFolders(root);
      await writeFile(join(root, 'wnids.txt'), 'n02095889\nn00000001\nn01440764\nn01443537\n');
      assert.deepEqual(Array.from((await open(root, { split: 'test' })).labels), [2, 0]);
      await writeFile(join(root, 'wnids.txt'), 'n02095889\nn01440764\n');
      await assert.rejects(open(root), userError('n01443537', 'not one of the 2 classes'));
    }));

  it('reads images one folder deeper, as Tiny-ImageNet has them', () =>
    inFolder(async (root) => {
      await writeFolders(root, 'images');
      assert.equal((await open(root)).size, 9);
    }));

  it('shows the middle in evaluation and random parts in training, the same for the same seed', () =>
    inFolder(async (root) => {
      await writeFolders(root);
      const train = await open(root, { size: 32 });
      const plain = denormalize(train, (await train.take([0])).images);
      const corner = [plain[0]!, plain[1]!, plain[2]!];
      assert.ok(corner[0]! > 240 && corner[1]! < 15 && corner[2]! < 15, `a red corner, ${corner.join(' ')}`);
      const middle = plain.subarray((16 * 32 + 16) * 3, (16 * 32 + 16) * 3 + 3);
      assert.ok(Math.min(...middle) > 200, `a white middle, ${middle.join(' ')}`);
      const options = { augment: true, shuffle: true, batchSize: 4, seed: 5 };
      const once = await collect(train.batches(options));
      assert.deepEqual(await collect(train.batches({ ...options, prefetch: 0 })), once);
      assert.deepEqual(await collect(train.batches({ ...options, startBatch: 1 })), once.slice(1));
      const later = await collect(train.batches({ ...options, epoch: 1, shuffle: false }));
      assert.notDeepEqual(
        later[0]!.images,
        (await collect(train.batches({ ...options, shuffle: false })))[0]!.images,
      );
      const padded = await collect(train.batches({ augment: 'padCrop', batchSize: 9 }));
      assert.equal(padded[0]!.images.length, 9 * 32 * 32 * 3);
    }));

  it('stops at a truncated photograph, and says which', () =>
    inFolder(async (root) => {
      await writeFolders(root);
      const path = join(root, 'train', 'n01443537', '1.JPEG');
      await writeFile(path, (await readFile(path)).subarray(0, 400));
      const train = await open(root, { size: 32 });
      await assert.rejects(collect(train.batches({ batchSize: 2 })), userError(path, 'not a readable image'));
    }));

  it('refuses folders without images, a missing split and a size that is none', () =>
    inFolder(async (root) => {
      await writeFolders(root);
      await assert.rejects(open(root, { size: 4 }), userError('image size', 'at least 8, got 4'));
      await cp(join(root, 'val'), join(root, 'only', 'val'), { recursive: true });
      await assert.rejects(open(join(root, 'only')), userError('no train split', 'it has test'));
      await mkdir(join(root, 'none'));
      await assert.rejects(open(join(root, 'none')), userError('holds no imagenet', 'found nothing'));
    }));
});

describe('ImageNet, Parquet', () => {
  it('streams photographs of every kind: greyscale, CMYK, with transparency', () =>
    inFolder(async (cache) => {
      const val = await open(join(fixtures, 'photographs'), { cache, split: 'test', size: 48 });
      assert.deepEqual(val.classes, ['disc', 'square', 'ring']);
      assert.deepEqual(Array.from(val.labels), [0, 1, 2, 0, 1]);
      const batch = await val.take([0, 1, 2, 3, 4]);
      const bytes = denormalize(val, batch.images);
      const grey = bytes.subarray(2 * 6912, 3 * 6912);
      assert.ok(grey.every((value, i) => i % 3 === 0 || value === grey[i - 1]));
      const alone = (await collect(val.batches({ batchSize: 1, startBatch: 3 })))[0]!;
      assert.deepEqual(alone.images, batch.images.slice(3 * 6912, 4 * 6912));
      const shuffled = await collect(val.batches({ shuffle: true, batchSize: 2 }));
      assert.deepEqual(shuffled.flatMap((each) => [...each.rows]).sort(), [0, 1, 2, 3, 4]);
    }));

  it('brings CMYK close to the RGB that it was made from', async () => {
    const rgb = sharp({ create: { width: 20, height: 20, channels: 3, background: '#c86432' } });
    const cmyk = await rgb.toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    assert.equal((await sharp(cmyk).metadata()).channels, 4);
    const { data } = await decodeImage(cmyk, 'a CMYK image');
    for (const [i, value] of [200, 100, 50].entries()) {
      assert.ok(Math.abs(data[i]! - value) < 40, `channel ${i}: ${data[i]!}, not near ${value}`);
    }
  });

  it('applies an embedded colour profile', async () => {
    const create = { width: 8, height: 8, channels: 3 as const, background: '#30c030' };
    const p3 = await sharp({ create }).withIccProfile('p3').png().toBuffer();
    const { data } = await decodeImage(p3, 'a P3 image');
    assert.ok(
      Math.abs(data[0]! - 0x30) < 4 && Math.abs(data[1]! - 0xc0) < 4,
      `${data.slice(0, 3).join(' ')}`,
    );
    const stripped = await sharp(p3, {}).keepIccProfile().toColourspace('p3').raw().toBuffer();
    assert.equal(stripped.length, 192);
  });

  it('decodes small images once and keeps them', () =>
    inFolder(async (cache) => {
      const options = { name: 'imagenet50' as const, cache };
      const data = join(fixtures, 'small');
      const train = await open(data, options);
      assert.deepEqual([train.size, train.imageShape, train.augmentation], [9, [16, 16, 3], 'padCrop']);
      assert.deepEqual(train.classes, ['class 0', 'class 1', 'class 2']);
      const again = await open(data, { ...options, progress: () => assert.fail('decoded twice') });
      assert.deepEqual(await again.take([3, 8]), await train.take([3, 8]));
      assert.deepEqual(again.classes, train.classes);
      const test = await open(data, { ...options, split: 'test' });
      assert.deepEqual(Array.from(test.labels), [0, 1, 2]);
      const larger = await open(data, { ...options, size: 24 });
      assert.deepEqual(larger.imageShape, [24, 24, 3]);
      assert.notDeepEqual(larger.provenance.dataset, train.provenance.dataset);
      assert.equal((await collect(train.batches({ augment: 'resizedCrop', batchSize: 9 })))[0]!.size, 9);
    }));

  it('takes class names from wnids.txt, and refuses a label beyond them', () =>
    inFolder(async (root) => {
      const name = 'train-00000-of-00001.parquet';
      await copyFile(join(fixtures, 'small', name), join(root, name));
      await writeFile(join(root, 'wnids.txt'), 'n1\nn2\nn3\nn4\n');
      assert.deepEqual((await open(root)).classes, ['n1', 'n2', 'n3', 'n4']);
      await writeFile(join(root, 'wnids.txt'), 'n1\nn2\n');
      await assert.rejects(
        open(root, { cache: join(root, 'other') }),
        userError(`${name} row 2`, '0 to 1, found 2'),
      );
    }));

  it('knows a row by its file and its number in it', async () => {
    const train = join(fixtures, 'cifar10', 'plain_text', 'train-0000');
    const images = await openParquet([`${train}0-of-00002.parquet`, `${train}1-of-00002.parquet`]);
    assert.equal(images.where(11), `${train}0-of-00002.parquet row 11`);
    assert.equal(images.where(12), `${train}1-of-00002.parquet row 0`);
    assert.deepEqual(images.blocks, [0, 5, 10, 12, 17]);
    assert.equal(images.classes?.[9], 'truck');
  });
});

describe('the evaluation view', () => {
  it('resizes the shorter side to 256/224 of the size and takes the middle', () => {
    assert.deepEqual(centerPlacement(224)(500, 400), {
      size: [320, 256],
      window: { left: 48, top: 16, width: 224, height: 224 },
    });
    assert.deepEqual(centerPlacement(224)(300, 600), {
      size: [256, 512],
      window: { left: 16, top: 144, width: 224, height: 224 },
    });
    assert.deepEqual(centerPlacement(64)(64, 64), {});
  });
});
