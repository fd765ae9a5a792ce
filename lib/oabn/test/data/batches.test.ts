import assert from 'node:assert/strict';
import fc from 'fast-check';
import { denormalize, pixelDataset, type BatchOptions } from '../../src/data/index.js';
import { prefetched } from '../../src/data/prefetch.js';
import { collect, smallDataset, userError } from './helpers.js';

const data = smallDataset(23);
const options = fc.record({
  batchSize: fc.integer({ min: 1, max: 12 }),
  seed: fc.nat(5),
  epoch: fc.nat(5),
  shuffle: fc.boolean(),
  augment: fc.constantFrom(true, false, 'resizedCrop' as const, 'none' as const, 'padCrop' as const),
  dropLast: fc.boolean(),
  prefetch: fc.nat(3),
});

describe('batches', () => {
  it('hold every image exactly once per epoch, with its label', async () => {
    await fc.assert(
      fc.asyncProperty(options, async (chosen) => {
        const batches = await collect(data.batches({ ...chosen, dropLast: false }));
        const rows = batches.flatMap((batch) => Array.from(batch.rows));
        assert.deepEqual(
          rows.sort((a, b) => a - b),
          Array.from({ length: 23 }, (_, i) => i),
        );
        for (const [i, batch] of batches.entries()) {
          assert.equal(batch.index, i);
          assert.equal(batch.size, batch.rows.length);
          assert.equal(batch.images.length, batch.size * 8 * 8 * 3);
          assert.deepEqual(
            batch.labels,
            Int32Array.from(batch.rows, (row) => data.labels[row]!),
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('show both sides of every image in two epochs where flips alternate', async () => {
    for (const augmentation of ['padCrop', 'resizedCrop'] as const) {
      const plain = pixelDataset(
        { ...data, augmentation },
        new Uint8Array(23 * 192).map((_, i) => i * 7),
      );
      const options = { augment: { flip: 'alternating' }, batchSize: 23 } as const;
      // Without a move, which only `padCrop` can leave out, the second epoch is the first one mirrored.
      const still =
        augmentation === 'padCrop' ? { ...options, augment: { ...options.augment, translate: 0 } } : options;
      const [[one], [two]] = await Promise.all([
        collect(plain.batches(still)),
        collect(plain.batches({ ...still, epoch: 1 })),
      ]);
      assert.notDeepEqual(one!.images, two!.images);
      if (augmentation === 'resizedCrop') continue;
      for (let y = 0; y < 23 * 8; y++) {
        const line = (images: Float32Array): number[][] =>
          Array.from({ length: 8 }, (_, x) => [...images.subarray((y * 8 + x) * 3, (y * 8 + x) * 3 + 3)]);
        assert.deepEqual(line(one!.images), line(two!.images).reverse());
      }
    }
  });

  it('refuse options of another kind of augmentation', async () => {
    const cropped = pixelDataset({ ...data, augmentation: 'resizedCrop' }, new Uint8Array(23 * 192));
    await assert.rejects(async () => collect(cropped.batches({ augment: { translate: 2 } })), {
      message: /translate and padding are options of padCrop, and these images are varied by resizedCrop/,
    });
  });

  it('give the same pixels for the same seed, epoch and image, whatever the batch size', async () => {
    const imagesByRow = async (chosen: BatchOptions): Promise<Map<number, Float32Array>> => {
      const images = new Map<number, Float32Array>();
      for await (const batch of data.batches(chosen)) {
        batch.rows.forEach((row, i) => images.set(row, batch.images.slice(i * 192, (i + 1) * 192)));
      }
      return images;
    };
    await fc.assert(
      fc.asyncProperty(options, fc.integer({ min: 1, max: 23 }), async (chosen, batchSize) => {
        const one = await imagesByRow({ ...chosen, dropLast: false });
        const two = await imagesByRow({ ...chosen, dropLast: false, batchSize, shuffle: !chosen.shuffle });
        for (const [row, image] of one) assert.deepEqual(two.get(row), image);
      }),
      { numRuns: 50 },
    );
  });

  it('differ between epochs and seeds when augmented', async () => {
    const first = async (chosen: BatchOptions) =>
      (await collect(data.batches({ augment: true, batchSize: 23, ...chosen })))[0]!.images;
    const base = await first({});
    assert.notDeepEqual(await first({ epoch: 1 }), base);
    assert.notDeepEqual(await first({ seed: 1 }), base);
    assert.notDeepEqual(await first({ augment: false }), base);
  });

  it('resumed at a batch are exactly the rest', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.nat(25), async (chosen, startBatch) => {
        const all = await collect(data.batches(chosen));
        assert.deepEqual(await collect(data.batches({ ...chosen, startBatch })), all.slice(startBatch));
      }),
      { numRuns: 50 },
    );
  });

  it('leave out the last when it is not full, on request', async () => {
    const sizes = async (dropLast: boolean) =>
      (await collect(data.batches({ batchSize: 10, dropLast }))).map((batch) => batch.size);
    assert.deepEqual(await sizes(false), [10, 10, 3]);
    assert.deepEqual(await sizes(true), [10, 10]);
  });

  it('refuse options that mean nothing, before the first batch', () => {
    for (const wrong of [
      { batchSize: 0 },
      { batchSize: 1.5 },
      { epoch: -1 },
      { limit: 0 },
      { startBatch: -1 },
    ]) {
      assert.throws(() => data.batches(wrong), userError(`${Object.keys(wrong)[0]!} must be`));
    }
    assert.throws(() => data.batches({ augment: 'flip' as 'none' }), userError('resizedCrop, got flip'));
    assert.throws(() => data.take([23]), userError('no image 23', '0 to 22'));
  });

  it('can be turned back into bytes', async () => {
    const batch = await data.take([4, 2]);
    const bytes = denormalize(data, batch.images);
    const twice = pixelDataset({ ...data, size: 2, labels: batch.labels }, Uint8Array.from(bytes));
    assert.deepEqual((await twice.take([0, 1])).images, batch.images);
  });

  it('refuses pixels that do not fit the description', () => {
    assert.throws(() => pixelDataset(data, new Uint8Array(7)), userError('23 images of 8×8', 'got 7'));
  });
});

describe('prefetching', () => {
  it('works ahead by as much as it may, and keeps the order', async () => {
    const begun: number[] = [];
    const make = async (index: number): Promise<number> => {
      begun.push(index);
      await new Promise((resolve) => setTimeout(resolve, index % 2 === 0 ? 5 : 1));
      return index;
    };
    const got: number[] = [];
    for await (const index of prefetched(3, 9, 2, make)) {
      got.push(index);
      const wanted = Math.min(got.length + 2, 6);
      while (begun.length < wanted) await new Promise(setImmediate);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(begun.length, wanted);
    }
    assert.deepEqual(got, [3, 4, 5, 6, 7, 8]);
  });

  it('gives an error where its batch would have come', async () => {
    const make = (index: number): number => {
      if (index === 2) throw new Error('broken');
      return index;
    };
    const got: number[] = [];
    await assert.rejects(async () => {
      for await (const index of prefetched(0, 9, 5, make)) got.push(index);
    }, /broken/);
    assert.deepEqual(got, [0, 1]);
  });

  it('may be left early although a later batch is broken', async () => {
    for await (const index of prefetched(0, 3, 2, (i) =>
      i === 0 ? i : Promise.reject(new Error('broken')),
    )) {
      assert.equal(index, 0);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 10)); // an unhandled rejection would end the process here
  });
});
