/**
 * Run as a process of its own after the build: the library takes the binding and multiplies two matrices with
 * it.
 */
import assert from 'node:assert/strict';
import { tf, useBackend } from '../../src/engines/index.js';

const { device, versions } = await useBackend('tensorflow');
const [a, b] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])];
assert.deepEqual([...(await tf.matMul(a, b).data())], [19, 22, 43, 50]);
process.stdout.write(`libtensorflow ${versions.libtensorflow} on ${device} multiplies matrices rightly\n`);
