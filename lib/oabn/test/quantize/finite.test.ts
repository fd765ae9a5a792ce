import assert from 'node:assert/strict';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf, useBackend } from 'tfjs-native';
import { random, UserError } from 'oabn-base';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture, saveNetwork, type StateDict } from '../../src/model/index.js';
import {
  exportedSize,
  calibrate,
  exportOnnx,
  ptqMethodNames,
  ptqMethods,
  type PtqProblem,
} from '../../src/quantize/index.js';
import { evaluate } from '../../src/train/index.js';

const arch = normalizeArchitecture({ widths: [3, 4], depths: [1, 2], strides: [1, 2], classes: 5 });
const whole = initialize(arch, 5);

/** `stateDict` with one element of one tensor changed. */
function withValue(stateDict: StateDict, name: string, element: number, value: number): StateDict {
  const { shape, data } = stateDict[name]!;
  return { ...stateDict, [name]: { shape, data: data.with(element, value) } };
}

const stream = random(3, 'images');
const images = Float32Array.from({ length: 4 * 8 * 8 * 3 }, () => stream.normal());

const problemOf = (merged: StateDict, of = arch): PtqProblem => ({
  arch: of,
  merged,
  scheme: { bits: 4, weights: 'uniform' },
  calibration: { images, size: 4 },
  imageShape: [8, 8, 3],
  seed: 1,
  iterations: 2,
});

/** The reject's message, which must be one for users. */
async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof UserError, String((error as Error).stack));
    return error.message;
  }
  return assert.fail('it was not refused');
}

describe('numbers that are not finite', () => {
  before(() => useBackend('wasm', () => undefined));

  it('are refused at merging, with the tensor and the element', async () => {
    const name = 'stage1.1.rbr_dense.bn';
    const negative = withValue(whole, `${name}.running_var`, 2, -1);
    assert.match(
      await refusal(() => mergeNetwork(arch, negative)),
      /stage1\.1\.rbr_dense\.bn\.running_var has -1 at element 2 of 4; a variance must be ≥ 0/,
    );
    const tiny = withValue(whole, `${name}.running_var`, 1, 0);
    const overflowing = withValue(tiny, `${name}.weight`, 1, 3e38);
    assert.match(
      await refusal(() => mergeNetwork(arch, overflowing)),
      /Merging: stage1\.1\.rbr_reparam\.weight has -?Infinity at element \d+ of 144, and \d+ more that are not finite;/,
    );
  });

  it('are not written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-finite-'));
    const stateDict = withValue(whole, 'linear.bias', 3, NaN);
    const path = join(folder, 'x.safetensors');
    const message = await refusal(() => saveNetwork(path, { arch, stateDict, form: 'training' }));
    assert.match(message, /linear\.bias has NaN at element 3 of 5/);
    assert.deepEqual(await readdir(folder), []);
    const merged = withValue(mergeNetwork(arch, whole), 'stage1.0.rbr_reparam.bias', 0, Infinity);
    assert.match(
      await refusal(() => exportOnnx({ arch, stateDict: merged })),
      /stage1\.0\.rbr_reparam\.bias has Infinity at element 0/,
    );
  });

  for (const method of ptqMethodNames) {
    it(`are refused by PTQ with ${method}, in the weights and in the activations`, async () => {
      const merged = mergeNetwork(arch, whole);
      const broken = withValue(merged, 'stage1.0.rbr_reparam.weight', 7, NaN);
      assert.match(
        await refusal(() => ptqMethods[method].quantize(problemOf(broken))),
        /The network to quantize: stage1\.0\.rbr_reparam\.weight has NaN at element 7 of 108/,
      );
      // Each weight is finite, the sums of their products are not.
      const { shape, data } = merged['stage0.rbr_reparam.weight']!;
      const huge = {
        ...merged,
        'stage0.rbr_reparam.weight': { shape, data: data.map((_, i) => (i % 2 ? 3e38 : 2e38)) },
      };
      // DFQ uses no images, and its equalization brings these weights into range.
      if (method === 'dfq') {
        const { activations } = await ptqMethods[method].quantize(problemOf(huge));
        assert.ok(Object.values(activations).every(({ max }) => Number.isFinite(max)));
      } else await refusal(() => ptqMethods[method].quantize(problemOf(huge)));
    });
  }

  it('are refused in a calibrated range, with its block', async () => {
    const merged = mergeNetwork(arch, whole);
    const { shape, data } = merged['stage0.rbr_reparam.weight']!;
    const huge = { ...merged, 'stage0.rbr_reparam.weight': { shape, data: data.map(() => 3e38) } };
    assert.match(
      await refusal(() => calibrate(arch, huge, [{ images, size: 4 }])),
      /The activation that enters stage1\.0 has the range/,
    );
  });

  const form = { batchSize: 6, imageShape: [8, 8, 3] } as const;

  it('are refused in logits, with image and class', async () => {
    const batches = [0, 1].map(() => ({ images, labels: new Int32Array(4), size: 4 }));
    let batch = 0;
    const logits = (value: number) => (): tf.Tensor2D => {
      const values = new Float32Array(5 * 6);
      if (batch++ === 1) values[5 * 2 + 3] = value;
      return tf.tensor2d(values, [6, 5]);
    };
    for (const value of [NaN, Infinity, -Infinity]) {
      batch = 0;
      assert.match(
        await refusal(() => evaluate(logits(value), { batches, ...form })),
        new RegExp(`The logit of class 3 is ${value} for test image 6:`),
      );
    }
    batch = 0;
    const { accuracy, images: count } = await evaluate(logits(1), { batches, ...form });
    assert.deepEqual([accuracy, count], [7 / 8, 8]);
  });

  it('are not looked for in what pads the last batch', async () => {
    const batch = { images, labels: new Int32Array(4), size: 4 };
    const logits = (): tf.Tensor2D => tf.tensor2d(new Float32Array(5 * 6).fill(NaN, 5 * 4), [6, 5]);
    const { accuracy, images: count } = await evaluate(logits, { batches: [batch], ...form });
    assert.deepEqual([accuracy, count], [1, 4]);
  });
});

describe('a network of one block', () => {
  it('has nothing to quantize, which every method says', async () => {
    const one = normalizeArchitecture({ widths: [3], depths: [1], strides: [1], classes: 5 });
    const merged = mergeNetwork(one, initialize(one, 1));
    for (const method of ptqMethodNames) {
      assert.match(
        await refusal(() => ptqMethods[method].quantize(problemOf(merged, one))),
        /one block, and the first stays in FP32: there is nothing to quantize/,
      );
    }
    assert.match(await refusal(() => calibrate(one, merged, [{ images, size: 4 }])), /nothing to quantize/);
  });

  it('is exported without a number of bits per weight', () => {
    const one = normalizeArchitecture({ widths: [3], depths: [1], strides: [1], classes: 5 });
    const size = exportedSize({ arch: one, stateDict: mergeNetwork(one, initialize(one, 1)) });
    assert.deepEqual([size.kernelBytes, size.bitsPerWeight], [0, undefined]);
    assert.equal(size.bytes, size.fp32Bytes);
  });
});
