import assert from 'node:assert/strict';
import { tf, useBackend } from 'tfjs-native';
import { compiledCache } from '../../src/experiment/compiledCache.js';

describe('experiment/compiledCache', () => {
  before(() => useBackend('wasm'));

  const times = (factor: number) => (x: tf.Tensor) => tf.mul(x, factor);

  it('compiles once for those who ask at the same time', async () => {
    const cache = compiledCache();
    let made = 0;
    const ask = () => cache.get('double', () => (made++, times(2)), [tf.zeros([1])]);
    const [one, other] = await Promise.all([ask(), ask()]);
    assert.deepEqual([made, one], [1, other]);
    await cache.dispose();
    await assert.rejects(one(tf.tensor1d([3])), /has been disposed/);
  });

  it('disposes of what was used least recently, and keeps no failure', async () => {
    const cache = compiledCache({ capacity: 2 });
    const example = [tf.zeros([1])] as [tf.Tensor];
    const failing = () => cache.get('a', () => (x: tf.Tensor) => x.shape, example);
    const failures = await Promise.allSettled([failing(), failing()]);
    assert.deepEqual(
      failures.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    const [a, b] = [
      await cache.get('a', () => times(2), example),
      await cache.get('b', () => times(3), example),
    ];
    assert.equal(await cache.get('a', () => times(2), example), a);
    await cache.get('c', () => times(4), example);
    assert.deepEqual([...(await a(tf.tensor1d([3]))).dataSync()], [6]);
    await assert.rejects(b(tf.tensor1d([3])), /has been disposed/);
    await cache.dispose();
  });
});
