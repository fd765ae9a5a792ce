import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { random, UserError } from 'oabn-base';
import {
  assign,
  kmeans1d,
  kmeansInits,
  lloydStep,
  midpoints,
  nearestTo,
  optimalKmeans1d,
  quantizeToCentroids,
  sortedSample,
} from '../../src/quantize/kmeans/index.js';

const floats = (...values: number[]): Float32Array => Float32Array.from(values);
const distinct = (values: Float32Array): number => new Set(values).size;
const close = (actual: number, expected: number, tolerance = 1e-9): void => {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1e-12, Math.abs(expected)),
    `${actual} is not near ${expected}`,
  );
};

/** Weights as the paper's merged kernels have them: a narrow bell and a few outliers. */
function bellWithOutliers(n: number, seed = 1): Float32Array {
  const rng = random(seed, 'weights');
  return Float32Array.from({ length: n }, (_, i) => rng.normal() * (i % 100 === 0 ? 1 : 0.05));
}

/** Any finite float32 of an ordinary size, often from a few values, so that ties and repeats occur. */
const weights = (maxLength = 40) =>
  fc
    .array(
      fc.oneof(
        fc.integer({ min: -8, max: 8 }).map((i) => i / 4),
        fc.float({ noNaN: true, min: -100, max: 100 }),
        fc.constantFrom(1e-20, 1, Math.fround(1 + 2 ** -23), -1e4),
      ),
      { minLength: 1, maxLength },
    )
    .map((values) => Float32Array.from(values));

function inertiaByHand(values: Float32Array, centroids: Float32Array): number {
  return values.reduce(
    (sum, value) => sum + Math.min(...Array.from(centroids, (centroid) => (value - centroid) ** 2)),
    0,
  );
}

/**
 * What float64 prefix sums cannot tell apart, and what the squares of values near the smallest float32 make
 * of it.
 */
const noise = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + 1e-14 * value * value + smallest ** 2, 0);

/** The least positive float32: centroids of smaller values are rounded to multiples of it. */
const smallest = 2 ** -149;

/** The least inertia of k intervals, by trying all. */
function bruteForce(values: Float32Array, k: number): number {
  const sorted = values.slice().sort();
  const best = (from: number, parts: number): number => {
    const rest = sorted.subarray(from);
    if (parts === 1) return spread(rest);
    let least = spread(rest);
    for (let cut = 1; cut < rest.length; cut++) {
      least = Math.min(least, spread(rest.subarray(0, cut)) + best(from + cut, parts - 1));
    }
    return least;
  };
  return best(0, k);
}

function spread(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

describe('assign', () => {
  it('picks the nearest centroid, the lower one in a tie', () => {
    assert.deepEqual(
      [...assign(floats(-9, 0, 0.5, 0.6, 1.5, 2, 99), floats(0, 1, 2))],
      [0, 0, 0, 1, 1, 2, 2],
    );
    assert.deepEqual([...quantizeToCentroids(floats(0.4, 0.5, 0.7), floats(0, 1))], [0, 0, 1]);
  });

  it('finds the nearest exactly, for any values and centroids', () => {
    fc.assert(
      fc.property(weights(), weights(300), (values, unsorted) => {
        const centroids = unsorted.slice().sort();
        const indices = assign(values, centroids);
        values.forEach((value, i) => {
          const distances = Array.from(centroids, (centroid) => Math.abs(value - centroid));
          assert.equal(distances[indices[i]!], Math.min(...distances));
        });
      }),
    );
  });

  it('agrees with tf.searchSorted on the midpoints', () => {
    fc.assert(
      fc.property(weights(), weights(20), (values, unsorted) => {
        const centroids = unsorted.slice().sort();
        fc.pre(centroids.length > 1);
        const found = tf.tidy(() =>
          tf.searchSorted(tf.tensor1d(midpoints(centroids)), tf.tensor1d(values), 'left'),
        );
        assert.deepEqual([...assign(values, centroids)], [...found.dataSync()]);
        found.dispose();
      }),
      { numRuns: 30 },
    );
  });

  it('tells apart neighbouring floats, whose midpoint is neither', () => {
    for (const value of [1, -1, 1e-45, -1e-45, 3.4028234663852886e38]) {
      const bits = new Int32Array(Float32Array.of(value).buffer);
      const neighbour = new Float32Array(Int32Array.of(bits[0]! - 1).buffer)[0]!;
      const pair = Float32Array.of(value, neighbour).sort();
      assert.deepEqual([...quantizeToCentroids(pair, pair)], [...pair]);
    }
  });

  it('counts with bytes up to 256 centroids and two bytes above', () => {
    const centroids = Float32Array.from({ length: 300 }, (_, i) => i);
    assert.deepEqual(assign(floats(299), centroids), Uint16Array.of(299));
    assert.deepEqual(assign(floats(255), centroids.subarray(0, 256)), Uint8Array.of(255));
  });

  it('refuses centroids that are not in order', () => {
    assert.throws(() => assign(floats(1), floats(2, 1)), /ascending order, got 2 before 1/);
    assert.throws(() => assign(floats(1), floats(1, Number.NaN)), UserError);
    assert.throws(() => assign(floats(1), floats()), /1 to 65536 centroids, got 0/);
  });
});

describe('lloydStep', () => {
  for (const [name, prepare] of [
    ['in any order', (values: Float32Array) => values],
    ['sorted', sortedSample],
  ] as const) {
    describe(`on values ${name}`, () => {
      it('moves each centroid to the mean of its members', () => {
        const step = lloydStep(prepare(floats(10, 1, 12, 2, 3)), floats(0, 9));
        assert.deepEqual([...step.centroids], [2, 11]);
        assert.deepEqual([...step.boundaries], [4.5]);
        assert.deepEqual([...step.counts], [3, 2]);
        close(step.inertia, 1 + 4 + 9 + 1 + 9);
        assert.equal(step.reseeded, 0);
      });

      it('seeds an empty cluster by splitting the one with the largest inertia', () => {
        const step = lloydStep(prepare(floats(0, 0.1, 10, 20)), floats(0, 15, 99));
        assert.deepEqual([...step.counts], [2, 1, 1]);
        assert.deepEqual([...step.centroids.subarray(1)], [10, 20]);
        assert.equal(step.reseeded, 1);
      });

      it('repeats the largest when there are fewer distinct values than clusters', () => {
        const step = lloydStep(prepare(floats(3, 1, 3)), floats(0, 1, 2, 3));
        assert.deepEqual([...step.centroids], [1, 3, 3, 3]);
        assert.deepEqual([...step.counts], [1, 2, 0, 0]);
      });

      it('never raises the inertia, never loses a cluster, keeps the order', () => {
        fc.assert(
          fc.property(weights(), weights(12), (values, start) => {
            const data = prepare(values);
            let centroids: Float32Array | Float64Array = start.slice().sort();
            let before = Infinity;
            for (let i = 0; i < 5; i++) {
              const step = lloydStep(data, centroids);
              assert.ok(step.inertia <= before * (1 + 1e-9) + noise(values), `${step.inertia} > ${before}`);
              assert.deepEqual(step.centroids, step.centroids.slice().sort());
              const rounded = Float32Array.from(step.centroids);
              assert.equal(distinct(rounded), Math.min(distinct(values), start.length));
              assert.equal(step.counts.filter((count) => count > 0).length, distinct(rounded));
              assert.equal(
                step.counts.reduce((a, b) => a + b),
                values.length,
              );
              [before, centroids] = [step.inertia, step.centroids];
            }
          }),
        );
      });

      it('refuses NaN and Infinity, naming the place', () => {
        assert.throws(() => lloydStep(prepare(floats(1, Number.NaN)), floats(0)), /got NaN at index 1/);
        assert.throws(
          () => lloydStep(prepare(floats(1, 2, -Infinity)), floats(0, 1)),
          /got -Infinity at index 2/,
        );
        assert.throws(() => lloydStep(prepare(floats()), floats(0)), /at least one value/);
      });
    });
  }

  it('does the same step on sorted and unsorted values', () => {
    const values = bellWithOutliers(20_000);
    const start = optimalKmeans1d(bellWithOutliers(500, 2), 16).centroids;
    const [one, other] = [lloydStep(values, start), lloydStep(sortedSample(values), start)];
    assert.deepEqual(one.counts, other.counts);
    one.centroids.forEach((centroid, j) => {
      assert.ok(Math.abs(centroid - other.centroids[j]!) < 1e-12);
    });
    close(one.inertia, other.inertia);
  });
});

describe('optimalKmeans1d', () => {
  it('finds the optimum of small examples', () => {
    const { centroids, counts, inertia, exact } = optimalKmeans1d(floats(9, 1, 2, 10, 5), 3);
    assert.deepEqual([...centroids], [1.5, 5, 9.5]);
    assert.deepEqual([...counts], [2, 1, 2]);
    close(inertia, 1);
    assert.ok(exact);
  });

  it('equals brute force', () => {
    fc.assert(
      fc.property(weights(9), fc.integer({ min: 1, max: 4 }), (values, k) => {
        const { inertia } = optimalKmeans1d(values, k);
        const best = bruteForce(values, k);
        assert.ok(Math.abs(inertia - best) <= 1e-6 * best + noise(values), `${inertia} against ${best}`);
      }),
    );
  });

  it('is near to the optimum with a histogram of few bins', () => {
    const values = bellWithOutliers(3000);
    const exact = optimalKmeans1d(values, 8);
    const rough = optimalKmeans1d(values, 8, { maxCandidates: 200 });
    assert.deepEqual([exact.exact, rough.exact], [true, false]);
    assert.ok(rough.inertia >= exact.inertia * (1 - 1e-6));
    assert.ok(rough.inertia <= exact.inertia * 1.01, `${rough.inertia} against ${exact.inertia}`);
  });
});

describe('kmeans1d', () => {
  it('equals scikit-learn from the same start, and its best of 200 starts is no better than our optimum', async () => {
    const golden = JSON.parse(await readFile(new URL('../golden/kmeans.json', import.meta.url), 'utf8')) as {
      cases: {
        values: number[];
        start: number[];
        centroids: number[];
        counts: number[];
        inertia: number;
        bestInertiaOf200Starts: number;
      }[];
    };
    assert.equal(golden.cases.length, 16);
    for (const expected of golden.cases) {
      const values = floats(...expected.values);
      const found = kmeans1d(values, expected.start.length, { init: floats(...expected.start) });
      found.centroids.forEach((centroid, j) => assert.ok(Math.abs(centroid - expected.centroids[j]!) < 1e-6));
      assert.deepEqual([...found.counts], expected.counts);
      close(found.inertia, expected.inertia, 1e-6);
      const { inertia } = optimalKmeans1d(values, expected.start.length);
      assert.ok(inertia <= expected.bestInertiaOf200Starts * (1 + 1e-6));
      assert.ok(inertia >= expected.bestInertiaOf200Starts * 0.95, 'implausibly good');
    }
  });

  for (const init of kmeansInits) {
    describe(`from ${init}`, () => {
      it('returns k distinct centroids with their counts and inertia, no better than the optimum', () => {
        fc.assert(
          fc.property(weights(), fc.integer({ min: 1, max: 10 }), (values, k) => {
            const { centroids, counts, inertia } = kmeans1d(values, k, { init });
            assert.equal(centroids.length, k);
            assert.deepEqual(centroids, centroids.slice().sort());
            assert.equal(distinct(centroids), Math.min(k, distinct(values)));
            const indices = assign(values, centroids);
            assert.deepEqual(
              [...counts],
              Array.from({ length: k }, (_, j) => indices.filter((i) => i === j).length),
            );
            const byHand = inertiaByHand(values, centroids);
            assert.ok(Math.abs(inertia - byHand) <= 1e-9 * byHand, `${inertia} against ${byHand}`);
            assert.ok(inertia >= optimalKmeans1d(values, k).inertia * (1 - 1e-6) - noise(values));
          }),
        );
      });

      it('does not depend on the order of the values, nor on the run', () => {
        const values = bellWithOutliers(2000);
        const order = random(3).permutation(values.length);
        const shuffled = Float32Array.from(order, (i) => values[i]!);
        const options = { init, seed: 5 } as const;
        assert.deepEqual(kmeans1d(values, 16, options), kmeans1d(shuffled, 16, options));
      });
    });
  }

  it('is at least as good after more steps, and stops early within the tolerance', () => {
    const sample = sortedSample(bellWithOutliers(5000));
    const after = (maxIterations: number): number => kmeans1d(sample, 16, { maxIterations }).inertia;
    assert.ok(after(2) < after(1));
    assert.ok(after(50) < after(2));
    const all = kmeans1d(sample, 16);
    const some = kmeans1d(sample, 16, { tolerance: 1e-3 });
    assert.ok(some.iterations < all.iterations && all.iterations < 1000);
    assert.ok(some.inertia < all.inertia * 1.1);
  });

  it('draws another k-means++ start for another seed', () => {
    const sample = sortedSample(bellWithOutliers(5000));
    const one = kmeans1d(sample, 16, { init: 'kmeans++', seed: 1, maxIterations: 1 });
    const two = kmeans1d(sample, 16, { init: 'kmeans++', seed: 2, maxIterations: 1 });
    assert.notDeepEqual(one.centroids, two.centroids);
  });

  it('represents a constant and few distinct values exactly', () => {
    const constant = kmeans1d(floats(0.1, 0.1, 0.1), 4);
    assert.deepEqual([...constant.centroids], [...floats(0.1, 0.1, 0.1, 0.1)]);
    assert.deepEqual([...constant.counts], [3, 0, 0, 0]);
    assert.equal(constant.inertia, 0);
    const few = kmeans1d(floats(1e-20, 5, 1e-20, -3), 4);
    assert.deepEqual([...few.centroids], [...floats(-3, 1e-20, 5, 5)]);
    assert.equal(nearestTo(floats(1e-20, 5, -3), few.centroids).inertia, 0);
  });

  it('says what is wrong with its arguments', () => {
    assert.throws(() => kmeans1d(floats(), 2), /at least one value/);
    assert.throws(() => kmeans1d(floats(1, Infinity), 2), /got Infinity at index 1/);
    assert.throws(() => kmeans1d(floats(1, 2), 0), /whole number from 1 to 65536, got 0/);
    assert.throws(() => kmeans1d(floats(1, 2), 2.5), UserError);
    assert.throws(() => kmeans1d(floats(1, 2), 2, { init: floats(1) }), /must hold k = 2 centroids, got 1/);
    assert.throws(() => kmeans1d(floats(1, 2), 2, { init: 'best' as 'optimal' }), /one of quantile, uniform/);
    assert.throws(() => kmeans1d(floats(1, 2), 2, { maxIterations: 0 }), /maxIterations must be ≥ 1/);
    assert.throws(() => kmeans1d(floats(1, 2), 2, { tolerance: -1 }), /tolerance must be ≥ 0/);
  });
});
