import assert from 'node:assert/strict';
import fc from 'fast-check';
import { balancedSubset, batchCount, epochOrder, takeCalibration } from '../../src/data/index.js';
import { smallDataset, userError } from './helpers.js';

const labels = (size: number, classes: number): Int32Array =>
  Int32Array.from({ length: size }, (_, i) => (i * 7 + (i >> 3)) % classes);

describe('order of images', () => {
  it('takes from every class in turn', () => {
    const of = Int32Array.from([0, 0, 0, 0, 1, 1, 2]);
    const chosen = balancedSubset(of, 5, 1);
    assert.deepEqual(
      Array.from(chosen, (row) => of[row]),
      [0, 1, 2, 0, 1],
    );
  });

  it('makes smaller subsets part of larger ones, without repeats', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(99),
        (a, b, seed) => {
          const of = labels(60, 7);
          const [small, large] = [Math.min(a, b), Math.max(a, b)].map((n) =>
            Array.from(balancedSubset(of, n, seed)),
          );
          assert.equal(new Set(large).size, large!.length);
          assert.deepEqual(small, large!.slice(0, small!.length));
        },
      ),
    );
  });

  it('refuses subsets that are empty or larger than the set', () => {
    assert.throws(() => balancedSubset(labels(9, 3), 10, 0), userError('10 images', 'set of 9'));
    assert.throws(() => balancedSubset(labels(9, 3), 0, 0), userError('at least 1, got 0'));
  });

  it('reads every image once per epoch, in another order each epoch, with blocks and without', () => {
    const of = labels(5000, 10);
    const blocks = Array.from({ length: 50 }, (_, i) => i * 100);
    for (const at of [undefined, blocks]) {
      const orders = [0, 1].map((epoch) => epochOrder(of, { seed: 3, epoch, shuffle: true }, at));
      for (const order of orders) {
        assert.deepEqual(
          order.slice().sort(),
          Uint32Array.from({ length: 5000 }, (_, i) => i),
        );
      }
      assert.notDeepEqual(orders[0], orders[1]);
      assert.deepEqual(orders[0], epochOrder(of, { seed: 3, epoch: 0, shuffle: true }, at));
    }
  });

  it('keeps to few blocks at a time when reading is fast only within a block', () => {
    const blocks = Array.from({ length: 100 }, (_, i) => i * 100);
    const order = epochOrder(labels(10_000, 10), { shuffle: true }, blocks);
    for (let start = 0; start < 10_000; start += 2100) {
      const touched = new Set(
        Array.from(order.subarray(start, start + 2100), (row) => Math.floor(row / 100)),
      );
      assert.ok(touched.size <= 42, `${touched.size} blocks within 2,100 images`);
    }
    const first = Array.from(order.subarray(0, 2000), (row) => Math.floor(row / 100));
    const changes = first.filter((block, i) => block !== first[i - 1]).length;
    assert.ok(changes > 1500, `neighbours come from different blocks, ${changes} of 2000`);
  });

  it('limits to the same images for every seed, and shuffles those', () => {
    const of = labels(100, 10);
    const sorted = [1, 2].map((seed) => epochOrder(of, { seed, shuffle: true, limit: 30 }).slice().sort());
    assert.equal(sorted[0]!.length, 30);
    assert.deepEqual(sorted[0], sorted[1]);
    assert.deepEqual(epochOrder(of, { limit: 30 }), sorted[0]);
    assert.equal(epochOrder(of, { limit: 1000 }).length, 100);
  });

  it('counts batches', () => {
    assert.equal(batchCount(100, { batchSize: 30 }), 4);
    assert.equal(batchCount(100, { batchSize: 30, dropLast: true }), 3);
    assert.equal(batchCount(100, { batchSize: 30, limit: 50 }), 2);
    assert.throws(() => batchCount(100, { batchSize: 0 }), userError('batchSize', 'got 0'));
  });

  it('calibrates on balanced images that the seed fixes', async () => {
    const data = smallDataset(40, 4);
    const [one, again, other] = await Promise.all([1, 1, 2].map((seed) => takeCalibration(data, 8, seed)));
    assert.deepEqual(one, again);
    assert.notDeepEqual(one!.rows, other!.rows);
    assert.deepEqual(one!.images, (await data.take(one!.rows)).images);
    assert.throws(
      () => takeCalibration(data, 41),
      userError('calibrate on 41', 'only 40', '--calibration 40'),
    );
  });
});
