/**
 * Runs the same tfjs function on wasm, with our kernels, and on tfjs's CPU backend, and compares the results.
 */
import assert from 'node:assert/strict';
import { tf, useBackend } from '../../../src/engines/index.js';
import { type Case, difference, type Host, resultsOf } from '../cases.js';

type Compute = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

let heldData = -1;

/**
 * Fails unless both backends agree within `tolerance` of the largest number, and wasm keeps no data of the
 * kernels.
 */
export async function agree(compute: Compute, inputs: readonly Host[], tolerance = 1e-5): Promise<void> {
  // Without this tfjs advises, at the first use of its CPU backend, to install another one. It also makes
  // tfjs count the data of every kernel, and take what a `customGrad` computes on the way for a leak: so it
  // ends here.
  tf.env().set('IS_TEST', true);
  try {
    await compare(compute, inputs, tolerance);
  } finally {
    tf.env().set('IS_TEST', false);
  }
}

async function compare(compute: Compute, inputs: readonly Host[], tolerance: number): Promise<void> {
  const example: Case = { name: '', inputs, compute: (...tensors) => [compute(...tensors)].flat() };
  await tf.setBackend('cpu');
  const expected = await resultsOf(example);
  await useBackend('wasm');
  const before = tf.memory().numTensors;
  const actual = await resultsOf(example);
  assert.equal(tf.memory().numTensors, before, 'tensors are left');
  const wasm = tf.backend() as tf.KernelBackend & { numDataIds(): number };
  if (heldData < 0) heldData = wasm.numDataIds();
  assert.equal(wasm.numDataIds(), heldData, 'a kernel kept data');
  assert.deepEqual(
    actual.map(({ shape, dtype }) => ({ shape, dtype })),
    expected.map(({ shape, dtype }) => ({ shape, dtype })),
  );
  const off = difference(actual, expected);
  assert.ok(off <= tolerance, `off by ${off} (tolerance ${tolerance}) for ${shapesOf(inputs)}`);
}

const shapesOf = (inputs: readonly Host[]): string =>
  inputs.map(({ shape }) => `[${shape.join()}]`).join(', ');
