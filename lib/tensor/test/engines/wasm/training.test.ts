import assert from 'node:assert/strict';
import { UserError } from 'oabn-base';
import { memoryUse, tf, useBackend } from '../../../src/engines/index.js';
import { allocate, type BackendWasm, release, type TensorInfo } from '../../../src/engines/wasm/simd.js';
import { cases } from '../cases.js';
import { agree } from './compare.js';

describe('wasm, what training asks for', () => {
  for (const { name, inputs, compute } of cases) {
    it(`agrees: ${name}`, () => agree(compute, inputs, 3e-5));
  }
});

describe('wasm memory', () => {
  before(() => useBackend('wasm'));

  it('does not grow over 300 training steps', async () => {
    const weights = [tf.variable(tf.fill([3, 3, 8, 8], 0.02)), tf.variable(tf.fill([3, 3, 8, 8], 0.01))];
    const x = tf.fill([16, 12, 12, 8], 0.5) as tf.Tensor4D;
    const optimizer = tf.train.momentum(0.01, 0.9);
    const step = (): unknown =>
      optimizer.minimize(() => {
        const hidden = tf.relu(tf.conv2d(x, weights[0] as tf.Tensor4D, 1, 'same'));
        const y = tf.conv2d(hidden as tf.Tensor4D, weights[1] as tf.Tensor4D, 2, 'same');
        return tf.mean(tf.square(tf.sub(y, tf.mean(y, [0, 1, 2])))) as tf.Scalar;
      });
    for (let i = 0; i < 20; i++) step();
    const before = memoryUse();
    for (let i = 0; i < 300; i++) step();
    const after = memoryUse();
    assert.equal(after.tensors, before.tensors);
    assert.equal(after.tensorBytes, before.tensorBytes);
    assert.equal(after.deviceBytes, before.deviceBytes);
    tf.dispose([...weights, x]);
    optimizer.dispose();
  });

  it('running out is an error that says what to do, and leaves the backend in order', async () => {
    const backend = tf.backend() as unknown as BackendWasm;
    const tensors: TensorInfo[] = [];
    assert.throws(
      () => {
        // A GiB each, reserved and not touched: the fourth is beyond 32-bit addresses whatever the machine
        // has.
        for (let i = 0; i < 4; i++) tensors.push(allocate(backend, [2 ** 28], 'float32'));
      },
      (error: Error) =>
        error instanceof UserError && /Out of wasm memory: 1024 MiB .* smaller batch/.test(error.message),
    );
    release(backend, ...tensors);
    const sum = tf.tidy(() => tf.sum(tf.fill([1000], 2)).dataSync()[0]);
    assert.equal(sum, 2000);
  });
});
