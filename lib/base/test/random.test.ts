import assert from 'node:assert/strict';
import fc from 'fast-check';
import { random } from '../src/index.js';

describe('base/random', () => {
  it('gives the same numbers for the same seed and path, others for another', () => {
    const draw = (seed: number, ...path: (string | number)[]): number[] => {
      const stream = random(seed, ...path);
      return Array.from({ length: 4 }, () => stream.uniform());
    };
    assert.deepEqual(draw(1, 'augment', 2), draw(1, 'augment', 2));
    assert.notDeepEqual(draw(1, 'augment', 2), draw(1, 'augment', 3));
    assert.notDeepEqual(draw(1, 'augment', 2), draw(2, 'augment', 2));
  });

  it('is uniform on [0, 1) and standard normal', () => {
    const stream = random(7);
    const n = 20_000;
    const uniform = Array.from({ length: n }, () => stream.uniform());
    const normal = Array.from({ length: n }, () => stream.normal());
    const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / n;
    assert.ok(Math.abs(mean(uniform) - 0.5) < 0.01);
    assert.ok(Math.abs(mean(uniform.map((v) => (v - 0.5) ** 2)) - 1 / 12) < 0.002);
    assert.ok(Math.abs(mean(normal)) < 0.03);
    assert.ok(Math.abs(mean(normal.map((v) => v * v)) - 1) < 0.05);
  });

  it('permutes: every number once', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 300 }), (seed, n) => {
        assert.deepEqual(
          [...random(seed).permutation(n)].sort((a, b) => a - b),
          [...Array(n).keys()],
        );
      }),
    );
  });
});
