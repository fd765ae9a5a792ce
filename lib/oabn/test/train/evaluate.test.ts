import assert from 'node:assert/strict';
import { unpackBits } from 'oabn-base';
import { tf, useBackend } from 'tfjs-native';
import { evaluate } from '../../src/train/index.js';

describe('train/evaluate', () => {
  before(() => useBackend('wasm'));

  it('counts the right images and says which they are, over batches of which the last is not full', async () => {
    // An image of one pixel whose largest channel is the class that the network says.
    const said = [0, 2, 1, 1, 0];
    const labels = [0, 1, 1, 1, 2];
    const batch = (from: number, to: number) => ({
      images: Float32Array.from(said.slice(from, to).flatMap((k) => [0, 1, 2].map((c) => Number(c === k)))),
      labels: Int32Array.from(labels.slice(from, to)),
      size: to - from,
    });
    const logitsOf = (x: tf.Tensor4D): tf.Tensor2D => tf.reshape(x, [-1, 3]);
    const before = tf.memory().numTensors;
    const { accuracy, images, right } = await evaluate(logitsOf, {
      batches: [batch(0, 3), batch(3, 5)],
      batchSize: 3,
      imageShape: [1, 1, 3],
    });
    assert.deepEqual([accuracy, images], [0.6, 5]);
    assert.deepEqual(unpackBits(right!, 5), [true, false, true, true, false]);
    assert.equal(tf.memory().numTensors, before);
  });

  it('leaves no tensors behind when it is refused what it needs', async () => {
    const batches = [{ images: new Float32Array(3), labels: new Int32Array(1), size: 1 }];
    const of = (logitsOf: (x: tf.Tensor4D) => tf.Tensor2D) =>
      evaluate(logitsOf, { batches, batchSize: 1, imageShape: [1, 1, 3] });
    const before = tf.memory().numTensors;
    await assert.rejects(
      of(() => tf.tensor2d([[0, NaN, 1]])),
      /The logit of class 1 is NaN for test image 0/,
    );
    await assert.rejects(
      of(() => {
        throw new Error('no logits');
      }),
      /no logits/,
    );
    assert.equal(tf.memory().numTensors, before);
  });
});
