import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  denormalize,
  madeClasses,
  madeDataset,
  type MadeOptions,
  openDataset,
} from '../../src/data/index.js';
import { collect, userError } from './helpers.js';

const pixelsOf = async (options: MadeOptions): Promise<Uint8ClampedArray> => {
  const made = madeDataset(options);
  const batch = await made.take(Array.from({ length: made.size }, (_, i) => i));
  return denormalize(made, batch.images);
};

describe('the made set', () => {
  it('is the same on every machine', () => {
    const { checksum } = madeDataset({ size: 50, difficulty: 0.5 }).provenance;
    assert.equal(checksum, 'sha256:51d9c8815c2f2fe0b7b1f2b81675c92de9f6353ac97e29d6d4bcb8497bc594ac');
  });

  it('has ten classes of equal size, and says that it is made', () => {
    const made = madeDataset({ split: 'test', size: 30 });
    assert.equal(made.made, true);
    assert.match(made.provenance.note, /made data/);
    assert.equal(new Set(madeClasses).size, 10);
    for (let label = 0; label < 10; label++)
      assert.equal(made.labels.filter((each) => each === label).length, 3);
  });

  it('gives an image that depends on seed, split, difficulty and number alone', async () => {
    const image = (pixels: Uint8ClampedArray, i: number) => pixels.subarray(i * 3072, (i + 1) * 3072);
    const some = await pixelsOf({ size: 12 });
    assert.deepEqual(image(await pixelsOf({ size: 40 }), 7), image(some, 7));
    const others: MadeOptions[] = [{ seed: 1 }, { split: 'test' }, { difficulty: 0.1 }];
    for (const other of others) {
      assert.notDeepEqual(image(await pixelsOf({ size: 12, ...other }), 7), image(some, 7));
    }
  });

  it('repeats no image, and no class has a colour of its own', async () => {
    const pixels = await pixelsOf({ size: 1000 });
    const images = Array.from({ length: 1000 }, (_, i) => pixels.subarray(i * 3072, (i + 1) * 3072));
    assert.equal(new Set(images.map((image) => Buffer.from(image).toString('base64'))).size, 1000);
    const means = madeClasses.map((_, label) => {
      const members = images.filter((_, i) => i % 10 === label);
      return [0, 1, 2].map((c) => members.flatMap((m) => [...m.filter((_, i) => i % 3 === c)]));
    });
    for (const perChannel of means) {
      for (const values of perChannel) {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        assert.ok(Math.abs(mean - 127) < 12, `mean ${mean}`);
      }
    }
  });

  it('is kept as a file, which is drawn again when it is damaged', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'made-'));
    const warnings: string[] = [];
    const open = (made: MadeOptions, folder = cache) =>
      openDataset({ name: 'made', made, cache: folder, warn: (message) => warnings.push(message) });
    const drawn = madeDataset({ size: 2000 });
    for (let time = 0; time < 2; time++) {
      const opened = await open({ size: 2000 });
      assert.deepEqual(opened.provenance, drawn.provenance);
      assert.deepEqual(opened.labels, drawn.labels);
      assert.equal((await readdir(cache)).length, 1);
    }
    const [name] = await readdir(cache);
    const path = join(cache, name!);
    const bytes = await readFile(path);
    bytes[bytes.length - 5000]! ^= 1;
    await writeFile(path, bytes);
    assert.deepEqual((await open({ size: 2000 })).provenance, drawn.provenance);
    assert.match(warnings.join(), /is damaged and is made again: its checksum/);
    assert.notDeepEqual(await readFile(path), bytes);
    // Other sets have files of their own, and small ones none.
    await open({ size: 2000, seed: 1 });
    await open({ size: 30 });
    assert.equal((await readdir(cache)).length, 2);
    // Where nothing can be written, it is drawn all the same.
    const file = join(cache, 'file');
    await writeFile(file, '');
    assert.deepEqual((await open({ size: 2000 }, join(file, 'below'))).provenance, drawn.provenance);
  });

  it('is noisier when it is harder', async () => {
    // Noise shows as the mean difference of neighbouring values of one channel.
    const roughness = async (difficulty: number): Promise<number> => {
      const pixels = await pixelsOf({ size: 100, difficulty });
      let sum = 0;
      for (let i = 3; i < pixels.length; i++) sum += Math.abs(pixels[i]! - pixels[i - 3]!);
      return sum / pixels.length;
    };
    const [easy, middle, hard] = [await roughness(0), await roughness(0.5), await roughness(1)];
    assert.ok(easy! < middle! && middle! < hard!, `${easy} ${middle} ${hard}`);
  });

  it('comes in batches like any other dataset', async () => {
    const batches = await collect(
      madeDataset({ size: 25 }).batches({ batchSize: 10, shuffle: true, augment: true }),
    );
    assert.deepEqual(
      batches.map((batch) => batch.size),
      [10, 10, 5],
    );
    assert.ok(batches.every((batch) => batch.images.every((value) => value >= -2 && value <= 2)));
  });

  it('refuses a difficulty that is none', () => {
    assert.throws(() => madeDataset({ difficulty: 1.5 }), userError('0 … 1, got 1.5'));
    assert.throws(() => madeDataset({ difficulty: Number.NaN }), userError('got NaN'));
    assert.throws(() => madeDataset({ size: 0 }), userError('at least 1, got 0'));
  });
});
