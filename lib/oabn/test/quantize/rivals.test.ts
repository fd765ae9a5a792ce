import assert from 'node:assert/strict';
import { random, UserError } from 'oabn-base';
import { compile, tf, useBackend } from 'tfjs-native';
import {
  apot,
  apotLevels,
  attendedCentroids,
  attendedWeights,
  attention,
  dkm,
  fakeQuantizeApot,
  normalizeQuantizer,
  quantizeApot,
  quantizerName,
  type WeightQuantizer,
} from '../../src/quantize/index.js';
import { toTensor } from '../../src/model/index.js';
import { weightTraining } from '../../src/train/index.js';
import { assertClose } from '../golden/index.js';

const gaussian = (n: number, seed: number): Float32Array => {
  const stream = random(seed, 'weights');
  return Float32Array.from({ length: n }, () => 0.1 * stream.normal() + 0.02);
};

/** The slope of f in each direction, by central differences. */
function slopes(f: (x: Float32Array) => number, at: Float32Array, step = 1e-2): number[] {
  return [...at.keys()].map((i) => {
    const moved = (by: number): number => f(at.map((value, j) => (j === i ? value + by : value)));
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

describe('quantize: differentiable k-means', () => {
  before(() => useBackend());

  it('attends, moves and mixes as by hand', async () => {
    // τ = 1/ln 2, so that each unit of distance halves: of 0 to the centroids 0 and 1, 2/3 and 1/3; of 3, 1/5
    // and 4/5.
    const [w, c, tau] = [tf.tensor1d([0, 3]), tf.tensor1d([0, 2]), tf.scalar(1 / Math.LN2)];
    // 2^0 : 2^−2 = 4/5 : 1/5;  2^−3 : 2^−1 = 1/5 : 4/5.
    assertClose(await attention(w, c, tau).data(), [0.8, 0.2, 0.2, 0.8], 1e-6, 'attention');
    // c0 = (0.8·0 + 0.2·3)/1 = 0.6, c1 = (0.2·0 + 0.8·3)/1 = 2.4.
    assertClose(await attendedCentroids(w, c, tau, 1).data(), [0.6, 2.4], 1e-6, 'centroids');
    assertClose(await attendedWeights(w, c, tau).data(), [0.4, 1.6], 1e-6, 'weights');
  });

  it('leaves a centroid where it is that nothing attends to', async () => {
    const moved = attendedCentroids(tf.tensor1d([0, 0.1]), tf.tensor1d([0, 1000]), tf.scalar(0.01), 2);
    assertClose(await moved.data(), [0.05, 1000], 1e-3, 'centroids');
  });

  it('has the true gradient, through all repetitions', async () => {
    const weights = gaussian(12, 3).map((w) => 10 * w);
    const [c, tau] = [tf.tensor1d([-1, 0, 1.2]), tf.scalar(0.4)];
    const mark = tf.tensor1d(Float32Array.from(weights, (_, i) => 1 + (i % 3)));
    const loss = (w: tf.Tensor): tf.Scalar =>
      tf.sum(tf.mul(mark, attendedWeights(w, attendedCentroids(w, c, tau, 2), tau)));
    const gradient = await tf.grad(loss)(tf.tensor1d(weights)).data();
    const numeric = slopes((w) => loss(tf.tensor1d(w)).dataSync()[0]!, weights);
    assertClose(gradient, numeric, 2e-2, 'gradient');
  });

  it('nears hard clusters as τ falls, and ends with at most 2^b values', async () => {
    const data = gaussian(4 * 3 * 9, 7);
    const kernel = { shape: [4, 3, 3, 3], data };
    const training = weightTraining({ bits: 2, weights: 'cluster' }, 'block', {
      quantizer: dkm({ temperature: 1e-3 }),
    });
    const state = training.begin(kernel);
    const tensors = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, toTensor(value)]));
    const onEngine = toTensor(kernel) as tf.Tensor4D;
    const soft = await training.quantize(onEngine, tensors).data();
    const after = training.move(onEngine, tensors);
    const centroids = [...(await after.centroids!.data())];
    // No weight is far from a centroid where τ is a thousandth of σ, but for those in the middle between two.
    const far = soft.filter((v) => Math.min(...centroids.map((c) => Math.abs(c - v))) > 1e-3);
    assert.ok(far.length <= 3, `${far.length} weights between clusters`);
    const finished = training.finish(kernel, {
      ...state,
      centroids: { shape: [4], data: Float32Array.from(centroids) },
    });
    assert.ok(new Set(finished).size <= 4);
    assert.equal(finished.length, data.length);
  });
});

describe('quantize: additive powers of two', () => {
  before(() => useBackend());

  it('has the levels of the paper', () => {
    // 2 bits: ±1 and 0. 3 bits: {0, 1, 1/2, 1/4}. 4 bits, by the authors' code: {0, 1/2, 1/4, 1/16} + {0,
    // 1/8}, over 5/8.
    assert.deepEqual([...apotLevels(2)], [-1, 0, 1]);
    assert.deepEqual([...apotLevels(3)], [-1, -0.5, -0.25, 0, 0.25, 0.5, 1]);
    const positive = [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1];
    assertClose(apotLevels(4).slice(7), positive, 1e-6, '4 bits');
    // 5 bits: {0, 1, 1/4, 1/16} + {0, 1/2, 1/8, 1/32}, over 3/2, the example of the paper's figure 1.
    const sums = [0, 1, 1 / 4, 1 / 16].flatMap((a) => [0, 1 / 2, 1 / 8, 1 / 32].map((b) => (a + b) / 1.5));
    assertClose(
      apotLevels(5).slice(15),
      sums.sort((a, b) => a - b),
      1e-6,
      '5 bits',
    );
    for (let bits = 2; bits <= 8; bits++) assert.equal(apotLevels(bits).length, 2 ** bits - 1);
  });

  it('quantizes and differentiates as by hand', async () => {
    // μ = 0, σ = 2. x = w/σ/α with α = 0.5: −3, −0.4, 0.4, 3 → −1, −0.5, 0.5, 1 at three bits.
    const w = tf.tensor1d([-3, -0.4, 0.4, 3]);
    const sigma = Math.sqrt((2 * 9 + 2 * 0.16) / 4);
    const alpha = 1 / sigma; // σ·α = 1
    const value = fakeQuantizeApot(w, tf.scalar(alpha), apotLevels(3));
    assertClose(await value.data(), [-1, -0.5, 0.5, 1], 1e-6, 'values');
    const mark = tf.tensor1d([1, 10, 100, 1000]);
    const [ofW, ofAlpha] = tf.grads((x: tf.Tensor, a: tf.Tensor) =>
      tf.sum(tf.mul(fakeQuantizeApot(x, a, apotLevels(3), 0.5), mark)),
    )([w, tf.scalar(alpha)]);
    assert.deepEqual([...(await ofW!.data())], [0, 10, 100, 0]);
    // σ·(−1·1 + (−0.5 + 0.4)·10 + (0.5 − 0.4)·100 + 1·1000)·0.5
    assertClose(await ofAlpha!.data(), [0.5 * sigma * (-1 - 1 + 10 + 1000)], 1e-2, 'α');
  });

  it('ends with what it trained with', async () => {
    const data = gaussian(4 * 3 * 9, 11);
    const kernel = { shape: [4, 3, 3, 3], data };
    for (const bits of [2, 3, 4]) {
      const training = weightTraining({ bits, weights: 'cluster' }, 'block', { quantizer: apot() });
      const { alpha } = training.begin(kernel);
      assert.ok(alpha!.data[0]! > 0.2 && alpha!.data[0]! < 5);
      const trained = await training
        .quantize(toTensor(kernel) as tf.Tensor4D, { alpha: toTensor(alpha!) })
        .data();
      const finished = training.finish(kernel, { alpha: alpha! });
      assertClose([...finished].sort(), [...trained].sort(), 1e-5, `${bits} bits`);
      assert.ok(new Set(finished).size <= 2 ** bits - 1);
      assert.deepEqual(finished, quantizeApot(data, apotLevels(bits), alpha!.data[0]!));
    }
  });
});

describe('quantize: quantizers as values', () => {
  it('compile to what they are eagerly', async () => {
    await useBackend();
    const kernel = { shape: [8, 4, 3, 3], data: gaussian(8 * 4 * 9, 5) };
    for (const quantizer of [dkm(), apot()]) {
      const training = weightTraining({ bits: 3, weights: 'cluster' }, 'block', { quantizer });
      const state = Object.fromEntries(
        Object.entries(training.begin(kernel)).map(([name, value]) => [name, toTensor(value)]),
      );
      const names = Object.keys(state);
      const mark = tf.linspace(-1, 1, kernel.data.length);
      const f = (w: tf.Tensor4D, ...rest: tf.Tensor[]): tf.Tensor[] => {
        const named = Object.fromEntries(names.map((name, i) => [name, rest[i]!]));
        const loss = (x: tf.Tensor): tf.Scalar =>
          tf.sum(tf.mul(tf.reshape(training.quantize(x as tf.Tensor4D, named), [-1]), mark));
        return [loss(w), tf.grad(loss)(w), ...Object.values(training.move(w, named))];
      };
      const inputs = [toTensor(kernel), ...Object.values(state)] as [tf.Tensor4D, ...tf.Tensor[]];
      const run = await compile(f, inputs);
      const [compiled, eager] = [await run(...inputs), f(...inputs)];
      for (const [i, tensor] of eager.entries())
        assertClose(await compiled[i]!.data(), await tensor.data(), 1e-4, `${quantizer.method} ${i}`);
    }
  });

  it('leave defaults out, and refuse what they do not know', () => {
    assert.deepEqual(dkm({ temperature: 0.02, iterations: 2 }), { method: 'dkm' });
    assert.deepEqual(apot({ rate: 0.1 }), { method: 'apot', rate: 0.1 });
    assert.deepEqual([quantizerName(dkm()), quantizerName(apot())], ['DKM', 'APoT']);
    assert.throws(() => dkm({ temperature: 0 }), /quantizer.temperature must be > 0, got 0/);
    assert.throws(() => dkm({ iterations: 0.5 }), /quantizer.iterations must be a whole number/);
    assert.throws(
      () => normalizeQuantizer({ method: 'lsq' } as unknown as WeightQuantizer),
      /quantizer.method must be "dkm" or "apot", got "lsq"/,
    );
    assert.throws(() => normalizeQuantizer(null as unknown as WeightQuantizer), UserError);
    const perChannel = { bits: 3, weights: 'cluster', granularity: 'perChannel' } as const;
    assert.throws(
      () => weightTraining(perChannel, 'block', { quantizer: dkm() }),
      /«DKM» quantizes a layer as a whole/,
    );
  });
});
