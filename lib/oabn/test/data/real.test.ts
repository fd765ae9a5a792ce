/**
 * Real data, when `OABN_DATA_DIR` names a folder that holds it; each test says what it lacks when it is
 * skipped.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset, type Dataset, type OpenOptions } from '../../src/data/index.js';
import { collect, inFolder } from './helpers.js';

const folder = process.env['OABN_DATA_DIR'] ?? '';
const open = (cache: string, options: OpenOptions): Promise<Dataset> =>
  openDataset({ data: folder, cache, split: 'test', ...options });

/** `it`, skipped unless the data folder holds `path`. */
const withData = (path: string, title: string, work: () => Promise<void>): void => {
  const there = folder !== '' && existsSync(join(folder, path));
  (there ? it : it.skip)(there ? title : `${title} (needs OABN_DATA_DIR with ${path})`, work);
};

describe('real data', () => {
  withData('cifar10', 'CIFAR-10: 1,000 test images of each class, normalised to mean 0 and variance 1', () =>
    inFolder(async (cache) => {
      const test = await open(cache, { name: 'cifar10' });
      assert.equal(test.size, 10_000);
      for (let label = 0; label < 10; label++) {
        assert.equal(test.labels.filter((each) => each === label).length, 1000);
      }
      let [sum, squares, count] = [0, 0, 0];
      for await (const { images } of test.batches({ batchSize: 1000 })) {
        for (const value of images) {
          sum += value;
          squares += value * value;
        }
        count += images.length;
      }
      assert.ok(Math.abs(sum / count) < 0.05, `mean ${sum / count}`);
      assert.ok(Math.abs(squares / count - 1) < 0.05, `mean square ${squares / count}`);
    }),
  );

  withData('imagenet50-64', 'ImageNet, 50 classes at 64×64: 50 validation images of each class', () =>
    inFolder(async (cache) => {
      const test = await open(cache, { name: 'imagenet50' });
      assert.deepEqual([test.size, test.classes.length, test.imageShape], [2500, 50, [64, 64, 3]]);
      assert.equal(test.classes[0], 'goldfish');
      for (let label = 0; label < 50; label++) {
        assert.equal(test.labels.filter((each) => each === label).length, 50);
      }
    }),
  );

  withData('imagenet-sample', 'ImageNet photographs at full size, trained on and evaluated', () =>
    inFolder(async (cache) => {
      const test = await open(cache, { name: 'imagenet' });
      assert.deepEqual([test.size, test.classes.length, test.imageShape], [43, 43, [224, 224, 3]]);
      for (const augment of [false, true]) {
        const batches = await collect(test.batches({ batchSize: 16, augment }));
        assert.equal(
          batches.reduce((sum, batch) => sum + batch.size, 0),
          43,
        );
        for (const { images } of batches) assert.ok(images.every((value) => value > -2.2 && value < 2.7));
      }
    }),
  );
});
