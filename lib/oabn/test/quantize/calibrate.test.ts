import assert from 'node:assert/strict';
import { concatenate } from 'oabn-base';
import { tf } from 'tfjs-native';
import { quantizedBlocks } from '../../src/model/index.js';
import { calibrate, calibrateMse } from '../../src/quantize/index.js';
import { mseStep } from '../../src/quantize/mseStep.js';
import { assertClose } from '../golden/index.js';
import { arch, blockInputs, problem } from './ptq/problem.js';

const { merged, calibration } = problem({}, 131);
const inputs = blockInputs(merged, calibration.images);
const names = quantizedBlocks(arch).map(({ name }) => name);

const least = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => Math.min(a, b));
const most = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => Math.max(a, b));

describe('quantize/calibrate, compiled', () => {
  it('finds the ranges of one eager pass over all images, in passes of 44, 44 and 43 images', async () => {
    const ranges = await calibrate(arch, merged, [calibration]);
    assert.deepEqual(Object.keys(ranges), names);
    names.forEach((name, i) => {
      assertClose([ranges[name]!.min], [least(inputs[i]!)], 1e-5, `least of ${name}`);
      assertClose([ranges[name]!.max], [most(inputs[i]!)], 1e-5, `most of ${name}`);
    });
  });

  it('takes the whole from several batches of different sizes', async () => {
    const pixels = calibration.images.length / calibration.size;
    const parts = [0, 7, 90, 131].map((image) => image * pixels);
    const batches = [0, 1, 2].map((i) => {
      const images = calibration.images.subarray(parts[i], parts[i + 1]);
      return { images, size: images.length / pixels };
    });
    const [whole, inParts] = [
      await calibrate(arch, merged, [calibration]),
      await calibrate(arch, merged, batches),
    ];
    for (const name of names) {
      assertClose([inParts[name]!.max], [whole[name]!.max], 1e-5, `most of ${name}`);
    }
  });

  it('finds the ranges of least squared error of the eager activations', async () => {
    const scheme = { bits: 4, weights: 'uniform' } as const;
    const ranges = await calibrateMse(arch, merged, calibration, scheme);
    names.forEach((name, i) => {
      const best = 15 * mseStep(concatenate([Float32Array.from(inputs[i]!)]), { quantMin: 0, quantMax: 15 });
      assertClose([ranges[name]!.max], [best], 1e-3, name);
    });
  });

  it('keeps no tensor', async () => {
    const before = tf.memory().numTensors;
    await calibrate(arch, merged, [calibration]);
    await assert.rejects(calibrate(arch, merged, [{ ...calibration, size: 130 }]));
    const { 'linear.bias': _, ...broken } = merged;
    await assert.rejects(calibrate(arch, broken, [calibration]));
    assert.equal(tf.memory().numTensors, before);
  });
});
