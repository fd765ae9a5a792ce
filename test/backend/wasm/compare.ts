/** Runs the same tfjs function on wasm, with our kernels, and on tfjs's CPU backend, and compares the results. */
import assert from 'node:assert/strict';
import '@tensorflow/tfjs-backend-wasm';
import { random } from '../../../lib/src/base/index.js';
import { tf } from '../../../lib/src/backend/index.js';
import { completeWasmKernels } from '../../../lib/src/backend/wasm/index.js';

export interface Host {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly data: readonly number[];
}

/** Standard normal numbers that are a function of `seed`. */
export function normal(shape: readonly number[], seed: number): Host {
  const { normal: next } = random(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, dtype: 'float32', data: Array.from({ length: size }, () => Math.fround(next())) };
}

/** Whole numbers in [0, n). */
export function whole(shape: readonly number[], n: number, seed: number): Host {
  const { integer } = random(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, dtype: 'int32', data: Array.from({ length: size }, () => integer(n)) };
}

type Compute = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

async function results(backend: string, compute: Compute, inputs: readonly Host[]): Promise<Host[]> {
  await tf.setBackend(backend);
  if (backend === 'wasm') completeWasmKernels();
  const before = tf.memory().numTensors;
  const tensors = inputs.map(({ data, shape, dtype }) => tf.tensor([...data], [...shape], dtype));
  const outputs = [tf.tidy(() => compute(...tensors) as tf.Tensor[])].flat();
  const hosts = outputs.map((t) => ({ shape: t.shape, dtype: t.dtype, data: [...t.dataSync()] }));
  tf.dispose([...tensors, ...outputs]);
  assert.equal(tf.memory().numTensors, before, `tensors left on ${backend}`);
  return hosts;
}

let heldData = -1;

/** Fails unless both backends agree: |wasm − cpu| ≤ `tolerance` · (1 + max|cpu|), same shapes and types, nothing leaked. */
export async function agree(compute: Compute, inputs: readonly Host[], tolerance = 1e-5): Promise<void> {
  tf.env().set('IS_TEST', true);
  const expected = await results('cpu', compute, inputs);
  const actual = await results('wasm', compute, inputs);
  const wasm = tf.backend() as tf.KernelBackend & { numDataIds(): number };
  if (heldData < 0) heldData = wasm.numDataIds();
  assert.equal(wasm.numDataIds(), heldData, 'a kernel kept data');
  assert.equal(actual.length, expected.length);
  actual.forEach((result, i) => {
    const wanted = expected[i]!;
    assert.deepEqual(result.shape, wanted.shape);
    assert.equal(result.dtype, wanted.dtype);
    const size = wanted.data.reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0);
    result.data.forEach((x, j) => {
      const y = wanted.data[j]!;
      const close = Object.is(x, y) || x === y || Math.abs(x - y) <= tolerance * (1 + size);
      assert.ok(close, `result ${i}, element ${j} of [${wanted.shape.join()}]: ${x}, expected ${y}`);
    });
  });
}
