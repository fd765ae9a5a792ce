/** What the tests of the compiler share: small random tensors, and the comparison with eager tfjs. */
import assert from 'node:assert/strict';
import { tf } from '../../src/engines/index.js';
import { random } from 'oabn-base';
import { compile } from '../../src/index.js';

export type Step = (...args: never[]) => unknown;

/** Numbers that look random but are the same in each run. */
export function sample(shape: number[], seed = 1, low = -1, high = 1): tf.Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  const next = random(seed, 'sample', shape.join('x'));
  return tf.tensor(
    Float32Array.from({ length: size }, () => low + (high - low) * next.uniform()),
    shape,
  );
}

export function tensorsOf(tree: unknown): tf.Tensor[] {
  if (tree instanceof tf.Tensor) return [tree];
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.values(tree).flatMap(tensorsOf);
}

/** The largest difference relative to the largest number. */
export function relativeError(actual: tf.Tensor, expected: tf.Tensor): number {
  const [a, e] = [actual.dataSync(), expected.dataSync()];
  let largest = 1e-30;
  let difference = 0;
  e.forEach((value: number, i: number) => {
    const both = Number.isNaN(value) && Number.isNaN(a[i]);
    if (both || value === a[i]) return;
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - a[i]!));
    if (Number.isNaN(a[i]) || Number.isNaN(value)) difference = Infinity;
  });
  return difference / Math.max(largest, 1e-3);
}

/** Asserts that two trees have tensors of the same type and values within `tolerance`. */
export function assertClose(actual: unknown, expected: unknown, tolerance = 1e-4, what = ''): void {
  const [got, want] = [tensorsOf(actual), tensorsOf(expected)];
  assert.equal(got.length, want.length, `${what}: number of results`);
  want.forEach((tensor, i) => {
    assert.deepEqual(got[i]!.shape, tensor.shape, `${what}: shape of result ${i}`);
    assert.equal(got[i]!.dtype, tensor.dtype, `${what}: dtype of result ${i}`);
    const error = relativeError(got[i]!, tensor);
    assert.ok(error <= tolerance, `${what}: result ${i} [${tensor.shape}] differs by ${error}`);
  });
}

/** Compiles the step, runs it, and compares with eager tfjs on the same arguments. */
export async function checkStep(step: Step, args: unknown[], tolerance = 1e-4, what = ''): Promise<void> {
  const fast = await compile(step as (...args: unknown[]) => unknown, args);
  try {
    const result = await fast(...args);
    const expected = tf.tidy(() => step(...(args as never[])) as tf.TensorContainer);
    assertClose(result, expected, tolerance, what);
    tf.dispose([result as tf.TensorContainer, expected]);
  } finally {
    await fast.dispose();
  }
}
