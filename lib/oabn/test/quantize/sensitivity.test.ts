import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { mergeNetwork } from '../../src/merge/index.js';
import {
  forwardMerged,
  get,
  initialize,
  normalizeArchitecture,
  quantizedBlocks,
  toTensor,
  toVariables,
} from '../../src/model/index.js';
import {
  allocateBits,
  calibrate,
  fakeQuantizeActivation,
  quantizeKernel,
  quantizeNetwork,
  sensitivities,
  type Sensitivity,
} from '../../src/quantize/index.js';
import { assertClose } from '../golden/index.js';

describe('quantize/sensitivity', () => {
  it('spends bits where they count, within the average', () => {
    const measured: Sensitivity[] = [
      { block: 'a', weights: 100, errors: { 2: 9, 3: 2, 4: 1 } },
      { block: 'b', weights: 100, errors: { 2: 3, 3: 1, 4: 0 } },
      { block: 'c', weights: 200, errors: { 2: 4, 3: 3, 4: 2 } },
    ];
    assert.deepEqual(allocateBits(measured, 4), { a: 4, b: 4, c: 4 });
    // 1000 in all: two bits to spend, on a first (9 → 2), then on b (3 → 1).
    assert.deepEqual(allocateBits(measured, 2.5), { a: 3, b: 3, c: 2 });
    assert.deepEqual(allocateBits(measured, 2), { a: 2, b: 2, c: 2 });
    assert.throws(() => allocateBits(measured, 1.9), /averageBits must be at least 2\.00.*got 1\.9/);
  });

  it('finds what trying everything finds', () => {
    const errors = fc.record({
      2: fc.nat({ max: 50 }),
      3: fc.nat({ max: 50 }),
      4: fc.nat({ max: 50 }),
    });
    const blocks = fc.array(fc.record({ weights: fc.integer({ min: 1, max: 9 }), errors }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(blocks, fc.integer({ min: 20, max: 40 }), (parts, tenths) => {
        const measured = parts.map((part, i) => ({ block: `b${i}`, ...part }));
        const average = tenths / 10;
        const total = parts.reduce((sum, { weights }) => sum + weights, 0);
        const costOf = (bits: number[]): number => bits.reduce((sum, b, i) => sum + b * parts[i]!.weights, 0);
        const errorOf = (bits: number[]): number =>
          bits.reduce((sum, b, i) => sum + parts[i]!.errors[b as 2 | 3 | 4], 0);
        let all: number[][] = [[]];
        parts.forEach(() => (all = all.flatMap((bits) => [2, 3, 4].map((b) => [...bits, b]))));
        const affordable = all.filter((bits) => costOf(bits) <= average * total + 1e-9);
        const least = Math.min(...affordable.map(errorOf));
        const found = Object.values(allocateBits(measured, average));
        assert.ok(costOf(found) <= average * total + 1e-9);
        assert.equal(errorOf(found), least);
      }),
    );
  });

  it('measures each block alone: its kernel and its activation, and less error with more bits', async () => {
    await tf.setBackend('cpu');
    const arch = normalizeArchitecture({
      widths: [4, 4, 8],
      depths: [1, 2, 1],
      strides: [1, 1, 2],
      classes: 3,
    });
    const merged = mergeNetwork(arch, initialize(arch, 3));
    const stream = random(2);
    const calibration = { images: Float32Array.from({ length: 6 * 75 }, () => stream.normal()), size: 6 };
    const scheme = { bits: 8, weights: 'uniform' } as const;
    const measured = await sensitivities({ arch, merged, scheme, calibration, bits: [2, 4, 8] });
    assert.deepEqual(
      measured.map(({ block, weights }) => [block, weights]),
      [
        ['stage1.0', 144],
        ['stage1.1', 144],
        ['stage2.0', 288],
      ],
    );
    const ranges = await calibrate(arch, merged, [calibration]);
    const { params } = toVariables(merged);
    const images = tf.tensor4d(calibration.images, [6, 5, 5, 3]);
    const exact = [...(await forwardMerged(arch, params, images).data())];
    for (const { name } of quantizedBlocks(arch)) {
      const key = `${name}.rbr_reparam.weight`;
      const { errors } = measured.find(({ block }) => block === name)!;
      assert.ok(
        errors[2]! > errors[4]! && errors[4]! > errors[8]! && errors[8]! < 1e-3,
        JSON.stringify(errors),
      );
      const kernel = get(merged, key);
      const data = quantizeKernel(kernel, { ...scheme, bits: 2 }, name);
      const changed = { ...params, [key]: toTensor({ shape: kernel.shape, data }) };
      const logits = await forwardMerged(arch, changed, images, {
        activation: (block, x) =>
          block === name ? fakeQuantizeActivation(x, ranges[block]!.min, ranges[block]!.max, 2) : x,
      }).data();
      const mean = exact.reduce((sum, v) => sum + v, 0) / exact.length;
      const variance = exact.reduce((sum, v) => sum + (v - mean) ** 2, 0);
      const expected = exact.reduce((sum, v, i) => sum + (v - logits[i]!) ** 2, 0) / variance;
      assertClose([errors[2]!], [expected], 1e-4, name);
    }
    const layerBits = allocateBits(measured, 4);
    const { stateDict } = quantizeNetwork({ arch, merged, ranges, scheme: { ...scheme, layerBits } });
    for (const [block, bits] of Object.entries(layerBits)) {
      assert.ok(new Set(get(stateDict, `${block}.rbr_reparam.weight`).data).size <= 2 ** bits - 1);
    }
  });
});
