import assert from 'node:assert/strict';
import { decodeSafetensors, encodeSafetensors, fromFloat16, random, toFloat16 } from '../src/index.js';

const patterns = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const isNaNPattern = (half: number): boolean => (half & 0x7fff) > 0x7c00;

describe('base/half', () => {
  it('writes every number that 16 bits hold as its own pattern', () => {
    const back = toFloat16(fromFloat16(patterns));
    assert.deepEqual(
      back.filter((_, i) => !isNaNPattern(i)),
      patterns.filter((half) => !isNaNPattern(half)),
    );
    assert.ok(back.every((half, i) => isNaNPattern(half) === isNaNPattern(i)));
  });

  it('rounds halfway numbers to the even neighbour, and others to the nearer', () => {
    const positive = fromFloat16(patterns.subarray(0, 0x7c00));
    const middles = Float32Array.from(positive.subarray(1), (next, i) => (positive[i]! + next) / 2);
    const above = middles.map((middle) => middle * (1 + 2 ** -20));
    const below = middles.map((middle) => middle * (1 - 2 ** -20));
    const lower = patterns.subarray(0, 0x7bff);
    assert.deepEqual(
      toFloat16(middles),
      lower.map((half) => half + (half & 1)),
    );
    assert.deepEqual(
      toFloat16(above),
      lower.map((half) => half + 1),
    );
    assert.deepEqual(toFloat16(below), lower);
  });

  it('halves a safetensors file, and refuses what 16 bits do not hold', () => {
    const source = random(7);
    const data = Float32Array.from({ length: 64 }, () => source.uniform() - 0.5);
    const tensors = { w: { shape: [8, 8], data }, n: { shape: [1], data: new Int32Array([70_000]) } };
    const { tensors: read } = decodeSafetensors(
      encodeSafetensors({ tensors, metadata: {} }, { float16: true }),
    );
    assert.deepEqual(read.n, tensors.n);
    assert.deepEqual(read.w!.data, fromFloat16(toFloat16(data)));
    const large = { v: { shape: [2], data: new Float32Array([1, 65_520]) } };
    assert.throws(
      () => encodeSafetensors({ tensors: large, metadata: {} }, { float16: true }),
      /v\[1\] = 65520 is beyond 16-bit floats/,
    );
  });
});
