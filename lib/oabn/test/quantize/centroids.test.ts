import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import {
  assign,
  fakeQuantizeCluster,
  layerCentroids,
  lloydStep,
  nearestCentroid,
  quantizeToCentroids,
  updateCentroids,
} from '../../src/quantize/index.js';
import { assertClose } from '../golden/index.js';

const gaussian = (n: number, seed: number): Float32Array => {
  const stream = random(seed, 'weights');
  return Float32Array.from({ length: n }, () => stream.normal());
};

describe('quantize/centroids', () => {
  it('assigns on the engine as on the host', async () => {
    const weights = gaussian(3000, 1);
    const centroids = layerCentroids(weights, 3);
    assert.deepEqual(
      [...(await nearestCentroid(tf.tensor1d(weights), tf.tensor1d(centroids)).data())],
      [...assign(weights, centroids)],
    );
    const quantized = fakeQuantizeCluster(tf.tensor2d(weights, [30, 100]), tf.tensor1d(centroids));
    assert.deepEqual(quantized.shape, [30, 100]);
    assert.deepEqual(await quantized.data(), quantizeToCentroids(weights, centroids));
  });

  it('passes the gradient straight to the weights', async () => {
    const centroids = tf.tensor1d([-1, 0, 2]);
    const scale = tf.tensor1d([3, -4, 5]);
    const gradient = tf.grad((w) => tf.sum(tf.mul(fakeQuantizeCluster(w, centroids), scale)))(
      tf.tensor1d([-0.9, 0.3, 1.8]),
    );
    assert.deepEqual([...(await gradient.data())], [3, -4, 5]);
  });

  it('moves each centroid to the mean of its members, as the host does', async () => {
    const weights = gaussian(5000, 2);
    const centroids = Float32Array.of(-2, -0.5, 0.1, 1.5);
    const moved = await updateCentroids(tf.tensor1d(weights), tf.tensor1d(centroids)).data();
    assertClose(moved, lloydStep(weights, centroids).centroids, 1e-5, 'centroids');
    const ema = await updateCentroids(tf.tensor1d(weights), tf.tensor1d(centroids), 'ema').data();
    assertClose(
      ema,
      centroids.map((c, i) => 0.9 * c + 0.1 * moved[i]!),
      1e-5,
      'ema',
    );
  });

  it('re-seeds empty clusters inside the cluster of largest inertia, in ascending order', async () => {
    const weights = [-1, -1, 0.5, 1.5, 2, 4];
    // Members: −1 → {−1, −1}; 1 → the other four, with mean 2 and variance 1.625; 50 and 60 have none.
    const moved = await updateCentroids(tf.tensor1d(weights), tf.tensor1d([-1, 1, 50, 60])).data();
    assertClose(moved, [-1, 2, 2 + Math.sqrt(1.625) / 2, 2 + Math.sqrt(1.625)], 1e-5, 'centroids');
  });

  it('loses no cluster over many steps, wherever it begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 2, max: 4 }), (seed, bits) => {
        tf.tidy(() => {
          const weights = tf.tensor1d(gaussian(400, seed));
          const stream = random(seed, 'centroids');
          const start = Float32Array.from({ length: 2 ** bits }, () => 20 * stream.normal()).sort();
          let centroids = tf.tensor1d(start);
          for (let i = 0; i < 30; i++) centroids = updateCentroids(weights, centroids);
          const used = new Set(nearestCentroid(weights, centroids).dataSync());
          assert.ok(used.size >= 2 ** bits - 1, `${used.size} of ${2 ** bits} clusters have members`);
        });
      }),
      { numRuns: 15 },
    );
  });
});
