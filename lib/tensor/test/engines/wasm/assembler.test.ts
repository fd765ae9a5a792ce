import assert from 'node:assert/strict';
import { tf, useBackend } from '../../../src/engines/index.js';
import { defineFunction, type Expression, i32, repeat, v128 } from '../../../src/engines/wasm/assembler.js';
import {
  addressOf,
  allocate,
  type BackendWasm,
  floats,
  integers,
  release,
  simdModule,
} from '../../../src/engines/wasm/simd.js';

/** What `build` stores at its parameter `out`, 4 words. */
async function stored(
  build: (out: Expression, n: Expression) => number[][],
  n = 0,
): Promise<{ whole: number[]; real: number[] }> {
  await useBackend('wasm');
  const backend = tf.backend() as unknown as BackendWasm;
  const module = simdModule(() => [defineFunction('f', ['out', 'n'], (p) => build(p.out!, p.n!))]);
  const out = allocate(backend, [4], 'int32');
  integers(backend, out).fill(-7);
  module(backend).f!(addressOf(backend, out), n);
  const result = {
    whole: [...integers(backend, out)],
    real: [...floats(backend, { ...out, dtype: 'float32' })],
  };
  release(backend, out);
  return result;
}

describe('the WebAssembly assembler', () => {
  it('writes integers of every length and sign', async () => {
    for (const value of [0, 1, 63, 64, -1, -64, -65, 127, 128, 8191, 8192, -8193, 2 ** 31 - 1, -(2 ** 31)]) {
      const { whole } = await stored((out) => [[...i32.store(out, i32.constant(value))]]);
      assert.deepEqual(whole, [value, -7, -7, -7]);
    }
  });

  it('computes with integers', async () => {
    const { whole } = await stored(
      (out, n) => [
        [...i32.store(out, i32.add(n, i32.constant(3)))],
        [...i32.store(out, i32.subtract(n, i32.constant(3)), 4)],
        [...i32.store(out, i32.multiply(n, n), 8)],
        [...i32.store(out, i32.select(n, i32.and(n, i32.constant(6)), i32.constant(9)), 12)],
      ],
      11,
    );
    assert.deepEqual(whole, [14, 8, 121, 2]);
  });

  it('repeats as often as it is told, and not at all for 0', async () => {
    await useBackend('wasm');
    const backend = tf.backend() as unknown as BackendWasm;
    const count = simdModule(() => [
      defineFunction('count', ['out', 'n'], (p, local) => {
        const [counter, sum] = [local('i32'), local('i32')];
        return [
          [...repeat(counter, p.n!, [sum.set(i32.add(sum, i32.constant(2)))])],
          [...i32.store(p.out!, sum)],
        ];
      }),
    ]);
    const out = allocate(backend, [1], 'int32');
    for (const n of [0, 1, 7]) {
      count(backend).count!(addressOf(backend, out), n);
      assert.equal(integers(backend, out)[0], 2 * n);
    }
    release(backend, out);
  });

  it('computes with vectors, whole ones and single lanes', async () => {
    const three = v128.unary('f32x4.convert_i32x4_s', v128.integers(3));
    const { real } = await stored((out) => [
      [...v128.store(out, v128.multiplyAdd(three, three, three))],
      [...v128.storeFirst(out, v128.binary('f32x4.sub', three, v128.load(out)), 4)],
    ]);
    assert.deepEqual(real, [12, -9, 12, 12]);
  });
});
