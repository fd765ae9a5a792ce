import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import {
  activationQuantizer,
  fakeQuantizeActivation,
  fakeQuantizeWeights,
  quantizeValue,
  quantizeValues,
  weightQuantizer,
} from '../../src/quantize/index.js';
import { assertClose, goldenPath } from '../golden/index.js';

interface Case {
  bits: number;
  weights: number[];
  weightScale: number;
  quantizedWeights: number[];
  range: { min: number; max: number };
  activations: number[];
  activationScale: number;
  zeroPoint: number;
  quantizedActivations: number[];
  activationGradient: number[];
}
const cases: Case[] = JSON.parse(readFileSync(goldenPath('quantize.json'), 'utf8'));

describe('quantize/uniform against PyTorch', () => {
  for (const golden of cases) {
    it(`${golden.bits} bits: weights`, async () => {
      const weights = Float32Array.from(golden.weights);
      const quantizer = weightQuantizer(weights, golden.bits);
      assertClose([quantizer.scale], [golden.weightScale], 1e-7, 'scale');
      assertClose(quantizeValues(quantizer, weights), golden.quantizedWeights, 1e-6, 'host');
      const { value, grad } = {
        value: fakeQuantizeWeights(tf.tensor1d(weights), golden.bits),
        grad: tf.grad((w) => fakeQuantizeWeights(w, golden.bits)),
      };
      assertClose(await value.data(), golden.quantizedWeights, 1e-6, 'engine');
      assertClose(
        await grad(tf.tensor1d(weights)).data(),
        weights.map(() => 1),
        0,
        'gradient',
      );
    });

    it(`${golden.bits} bits: activations, with the gradient inside the range alone`, async () => {
      const quantizer = activationQuantizer(golden.range, golden.bits);
      assertClose([quantizer.scale], [golden.activationScale], 1e-6, 'scale');
      assert.equal(quantizer.zeroPoint, golden.zeroPoint);
      const x = Float32Array.from(golden.activations);
      assertClose(quantizeValues(quantizer, x), golden.quantizedActivations, 1e-6, 'host');
      const quantize = (t: tf.Tensor): tf.Tensor =>
        fakeQuantizeActivation(t, tf.scalar(golden.range.min), tf.scalar(golden.range.max), golden.bits);
      assertClose(await quantize(tf.tensor1d(x)).data(), golden.quantizedActivations, 1e-6, 'engine');
      assertClose(await tf.grad(quantize)(tf.tensor1d(x)).data(), golden.activationGradient, 0, 'gradient');
    });
  }
});

describe('quantize/uniform', () => {
  const bits = fc.integer({ min: 2, max: 8 });
  const values = fc.array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: 1, maxLength: 200 });

  it('moves no weight by more than half a scale, and keeps 0 and ±max', () => {
    fc.assert(
      fc.property(values, bits, (list, b) => {
        const weights = Float32Array.from(list);
        const quantizer = weightQuantizer(weights, b);
        const quantized = quantizeValues(quantizer, weights);
        weights.forEach((w, i) => assert.ok(Math.abs(quantized[i]! - w) <= quantizer.scale * 0.50001));
        assert.ok(new Set(quantized.map((q) => q + 0)).size <= 2 ** b - 1);
        assert.equal(quantizeValue(quantizer, 0), 0);
      }),
    );
  });

  it('holds 0 exactly whatever the range, so that padding is exact', () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, min: -5, max: 5 }),
        fc.float({ noNaN: true, min: 0, max: 5 }),
        bits,
        (min, width, b) => {
          assert.equal(quantizeValue(activationQuantizer({ min, max: min + width }, b), 0), 0);
        },
      ),
    );
  });

  it('refuses bits out of range with the value', () => {
    assert.throws(
      () => weightQuantizer(Float32Array.of(1), 1),
      /bits must be a whole number from 2 to 8, got 1/,
    );
    assert.throws(() => activationQuantizer({ min: 0, max: 1 }, 2.5), /got 2\.5/);
  });
});
