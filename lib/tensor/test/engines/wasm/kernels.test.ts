import fc from 'fast-check';
import assert from 'node:assert/strict';
import { tf } from '../../../src/engines/index.js';
import { broadcastDimensions } from '../../../src/engines/wasm/broadcast.js';
import { type Host, normal, whole } from '../cases.js';
import { agree } from './compare.js';

const side = (max: number) => fc.integer({ min: 1, max });
const shape = (rank: { min: number; max: number }, max = 6) =>
  fc.array(side(max), { minLength: rank.min, maxLength: rank.max });

/** Two shapes that broadcast: the second keeps a suffix of the first, with some sides set to 1. */
const broadcastable = fc
  .tuple(shape({ min: 1, max: 4 }, 9), fc.nat(3), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
  .map(([a, cut, ones]) => ({ a, b: a.slice(Math.min(cut, a.length)).map((n, i) => (ones[i] ? 1 : n)) }));

/** Small whole numbers as floats, so that ties and equal elements occur. */
const floatsOf = (shape: readonly number[], seed: number): Host => ({
  ...whole(shape, 5, seed),
  dtype: 'float32',
});

describe('wasm elementwise kernels', () => {
  it('joins the dimensions that broadcast alike', () => {
    assert.deepEqual(broadcastDimensions([8, 4, 4, 3], [3]), [
      { size: 128, a: true, b: false },
      { size: 3, a: true, b: true },
    ]);
    assert.deepEqual(broadcastDimensions([2, 1], [5]), [
      { size: 2, a: true, b: false },
      { size: 5, a: false, b: true },
    ]);
    assert.deepEqual(broadcastDimensions([1], [1, 1]), []);
  });

  it('agree for shapes that broadcast, either way round', async () => {
    await fc.assert(
      fc.asyncProperty(broadcastable, async ({ a, b }) => {
        const all = (x: tf.Tensor, y: tf.Tensor): tf.Tensor[] => [
          ...[tf.add(x, y), tf.sub(x, y), tf.mul(x, y), tf.div(x, tf.add(y, 1))],
          ...[tf.maximum(x, y), tf.minimum(x, y), tf.squaredDifference(x, y)],
          ...[tf.equal(x, y), tf.notEqual(x, y), tf.greater(x, y)],
          ...[tf.greaterEqual(x, y), tf.less(x, y), tf.lessEqual(x, y)],
        ];
        await agree((x, y) => [...all(x!, y!), ...all(y!, x!)], [floatsOf(a, 1), floatsOf(b, 2)]);
      }),
      { numRuns: 40 },
    );
  });

  it('agree for integers, and for mixed types where tfjs makes them floats', async () => {
    await agree(
      (x, y) => [tf.add(x!, y!), tf.equal(x!, y!), tf.mul(x!, 0.5)],
      [whole([3, 5], 4, 1), whole([5], 4, 2)],
    );
  });

  it('agree for empty tensors', async () => {
    await agree((x, y) => [tf.add(x!, y!), tf.greater(x!, y!)], [normal([0, 3], 1), normal([3], 2)]);
  });

  it('select, combine and convert', async () => {
    await fc.assert(
      fc.asyncProperty(side(70), async (n) => {
        const compute = (x?: tf.Tensor, y?: tf.Tensor): tf.Tensor[] => {
          const [above, inside] = [tf.greater(x!, y!), tf.less(x!, 1)];
          const both = tf.logicalAnd(above, inside);
          const parts = [
            tf.where(above, x!, y!),
            tf.where(both, x!, 0),
            tf.logicalNot(both),
            tf.logicalOr(above, inside),
          ];
          const scaled = tf.mul(x!, 3);
          const types = [
            tf.cast(scaled, 'int32'),
            tf.cast(tf.cast(scaled, 'int32'), 'float32'),
            tf.cast(both, 'float32'),
          ];
          return [
            ...parts,
            both,
            ...types,
            tf.cast(tf.mul(tf.round(x!), 0.5), 'bool'),
            tf.cast(both, 'int32'),
          ];
        };
        await agree(compute, [normal([n], n), normal([n], n + 1)]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('wasm reductions', () => {
  it('agree over random axes', async () => {
    const cases = shape({ min: 1, max: 4 }, 9).chain((sides) =>
      fc.record({
        sides: fc.constant(sides),
        axes: fc.subarray(
          sides.map((_, i) => i),
          { minLength: 1 },
        ),
        keepDims: fc.boolean(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ sides, axes, keepDims }) => {
        const reduced = (x: tf.Tensor): tf.Tensor[] =>
          [tf.sum, tf.mean, tf.max, tf.min].map((op) => op(x, axes, keepDims));
        await agree((x) => reduced(x!), [normal(sides, 3)]);
      }),
      { numRuns: 60 },
    );
  });

  it('agree for batch statistics and long rows', async () => {
    const compute = (x?: tf.Tensor): tf.Tensor[] => [
      ...[tf.mean(x!, [0, 1, 2]), tf.sum(x!, [1, 2]), tf.max(x!), tf.min(x!, [1, 2, 3]), tf.sum(x!, -1)],
      ...Object.values(tf.moments(x!, [0, 1, 2])),
    ];
    await agree(compute, [normal([8, 15, 15, 22], 4)]);
  });

  it('sum 131072 numbers to 1e-5 relative, where one running sum is off by 1e-3', async () => {
    await tf.setBackend('wasm');
    const sum = tf.tidy(() => tf.sum(tf.fill([1 << 17, 16], 0.1), 0).dataSync());
    for (const value of sum) assert.ok(Math.abs(value / 13107.2 - 1) < 1e-5, `${value}`);
  });

  it('hand NaN on', async () => {
    const data = [...normal([40, 5], 5).data];
    data[77] = Number.NaN;
    await agree(
      (x) => [tf.sum(x!, 0), tf.max(x!, 0), tf.min(x!)],
      [{ shape: [40, 5], dtype: 'float32', data }],
    );
  });
});

describe('wasm copies', () => {
  it('slice, concatenate, tile and step over random shapes', async () => {
    const cases = shape({ min: 1, max: 4 }, 7).chain((sides) =>
      fc.record({
        sides: fc.constant(sides),
        begin: fc.tuple(...sides.map((n) => fc.nat(n - 1))),
        steps: fc.tuple(...sides.map(() => side(3))),
        reps: fc.tuple(...sides.map(() => side(3))),
        axis: fc.nat(sides.length - 1),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ sides, begin, steps, reps, axis }) => {
        const compute = (x?: tf.Tensor, y?: tf.Tensor): tf.Tensor[] => [
          tf.slice(x!, begin),
          tf.stridedSlice(x!, begin, sides, steps),
          tf.tile(x!, reps),
          tf.concat([x!, y!, x!], axis),
        ];
        await agree(compute, [
          normal(sides, 1),
          normal(
            sides.map((n, i) => (i === axis ? n + 2 : n)),
            2,
          ),
        ]);
        await agree(compute, [whole(sides, 9, 1), whole(sides, 9, 2)]);
      }),
      { numRuns: 40 },
    );
  });

  it('broadcast, stack, unstack, and step backwards', async () => {
    const compute = (x?: tf.Tensor): tf.Tensor[] => [
      tf.broadcastTo(x!, [3, 4, 5]),
      tf.stack([x!, x!], 1),
      ...tf.unstack(x!, 1),
      tf.stridedSlice(x!, [-1, 4], [0, 0], [-1, -2], 1, 0),
      tf.stridedSlice(x!, [0, 1], [4, 2], [1, 1], 0, 0, 0, 0, 2),
    ];
    await agree(compute, [normal([4, 5], 1)]);
  });

  it('gather rows and single elements', async () => {
    const compute = (x?: tf.Tensor, i?: tf.Tensor): tf.Tensor[] => [
      tf.gather(x!, i as tf.Tensor1D),
      tf.gather(x!, i as tf.Tensor1D, 1),
      tf.gather(tf.reshape(x!, [-1]), i as tf.Tensor1D),
      tf.gather(x!, tf.reshape(i!, [6, 2]) as tf.Tensor2D, 1, 1),
    ];
    await agree(compute, [normal([6, 7, 5], 1), whole([12], 6, 2)]);
    await agree((x, i) => tf.gather(x!, i as tf.Tensor1D), [whole([9], 100, 1), whole([30], 9, 2)]);
  });

  it('mark places as floats, integers and truths, and leave out those outside', async () => {
    const indices: Host = { shape: [2, 3], dtype: 'int32', data: [0, 4, 2, -1, 5, 1] };
    const compute = (i?: tf.Tensor): tf.Tensor[] => {
      const places = i as tf.Tensor1D;
      return [
        tf.oneHot(places, 5, 0.9, 0.025, 'float32'),
        tf.oneHot(places, 5),
        tf.oneHot(places, 5, 1, 0, 'bool'),
      ];
    };
    await agree(compute, [indices]);
  });

  it('refuse an index outside', async () => {
    await tf.setBackend('wasm');
    assert.throws(
      () => tf.tidy(() => tf.gather(tf.zeros([3]), tf.tensor1d([0, 3], 'int32'))),
      /index value 3 .*\[0, 2\]/,
    );
  });
});

describe('wasm matrices', () => {
  it('multiply with transposed operands, biases and activations', async () => {
    const cases = fc.record({ m: side(20), k: side(150), n: side(20), a: fc.boolean(), b: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(cases, async ({ m, k, n, a, b }) => {
        const compute = (x?: tf.Tensor, y?: tf.Tensor, bias?: tf.Tensor): tf.Tensor[] => [
          tf.matMul(x!, y!, a, b),
          tf.fused.matMul({
            ...{ a: x as tf.Tensor2D, b: y as tf.Tensor2D, transposeA: a, transposeB: b },
            ...{ bias: bias!, activation: 'relu' },
          }),
        ];
        await agree(compute, [
          normal(a ? [k, m] : [m, k], 1),
          normal(b ? [n, k] : [k, n], 2),
          normal([n], 3),
        ]);
      }),
      { numRuns: 40 },
    );
  });

  it('multiply batches with biases', async () => {
    const compute = (x?: tf.Tensor, y?: tf.Tensor): tf.Tensor => tf.matMul(x!, y!, false, true);
    await agree(compute, [normal([3, 4, 60], 1), normal([3, 5, 60], 2)]);
  });

  it('normalise with and without scale and offset', async () => {
    const compute = (x?: tf.Tensor, m?: tf.Tensor, v?: tf.Tensor, s?: tf.Tensor): tf.Tensor[] => {
      const [input, mean, variance] = [x as tf.Tensor4D, m as tf.Tensor1D, tf.square(v!) as tf.Tensor1D];
      return [
        tf.batchNorm(input, mean, variance, s as tf.Tensor1D, mean, 1e-3),
        tf.batchNorm(input, mean, variance),
      ];
    };
    await agree(compute, [normal([2, 3, 4, 7], 1), normal([7], 2), normal([7], 3), normal([7], 4)], 1e-4);
  });
});
