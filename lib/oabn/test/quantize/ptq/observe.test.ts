import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tf } from 'tfjs-native';
import {
  addToHistogram,
  emptyHistogram,
  histogramError,
  quantile,
} from '../../../src/quantize/ptq/histogram.js';
import { observe, observeHistograms } from '../../../src/quantize/ptq/observe.js';
import { observeMoments, observeTapMeans } from '../../../src/quantize/ptq/dfq.js';
import { mseThreshold, mseWeightQuantizer } from '../../../src/quantize/ptq/mse.js';
import {
  activationQuantizer,
  calibrate,
  groupsOf,
  quantizeValues,
  weightQuantizer,
} from '../../../src/quantize/index.js';
import { get, quantizedBlocks } from '../../../src/model/index.js';
import { assertClose, goldenPath } from '../../golden/index.js';
import { arch, blockInputs, problem, squaredError } from './problem.js';

interface Golden {
  weights: { shape: number[]; data: number[] };
  channels: { bits: number; scales: number[]; quantized: number[] }[];
  activation: {
    values: number[];
    histogram: [number, number][];
    quantiles: Record<string, number>;
    observers: { bits: number; error: number }[];
  };
}
const golden: Golden = JSON.parse(readFileSync(goldenPath('ptq.json'), 'utf8'));
const activation = Float32Array.from(golden.activation.values, (v) => v / 512);

describe("quantize/ptq against PyTorch's observers", () => {
  it('per-channel min–max: scales and values', () => {
    const kernel = { shape: golden.weights.shape, data: Float32Array.from(golden.weights.data) };
    for (const { bits, scales, quantized } of golden.channels) {
      const channels = groupsOf(kernel, 'perChannel').map((weights) => ({
        weights,
        quantizer: weightQuantizer(weights, bits),
      }));
      assertClose(
        channels.map(({ quantizer }) => quantizer.scale),
        scales,
        1e-7,
        'scales',
      );
      const values = channels.flatMap(({ weights, quantizer }) => [...quantizeValues(quantizer, weights)]);
      assertClose(values, quantized, 1e-6, `${bits} bits`);
    }
  });

  it('histogram and quantiles', () => {
    const histogram = emptyHistogram(activation.reduce((a, b) => Math.max(a, b), 0));
    addToHistogram(histogram, activation.subarray(0, 1111));
    addToHistogram(histogram, activation.subarray(1111));
    const counts = new Float64Array(2048);
    for (const [bin, count] of golden.activation.histogram) counts[bin] = count;
    counts[0]! -= histogram.total - histogram.positive; // PyTorch puts the zeros into the first bin
    assert.deepEqual(histogram.counts, counts);
    for (const [q, value] of Object.entries(golden.activation.quantiles)) {
      const found = quantile(histogram, Number(q));
      // Between two order statistics and two bins, definitions differ.
      assert.ok(Math.abs(found - value) < 0.02 * Math.max(1, value), `${q}: ${found} instead of ${value}`);
    }
  });

  it('the MSE threshold leaves no more error than HistogramObserver, which searches the same', () => {
    const histogram = emptyHistogram(14);
    addToHistogram(histogram, activation);
    for (const { bits, error } of golden.activation.observers) {
      const quantizer = activationQuantizer({ min: 0, max: mseThreshold(histogram, bits) }, bits);
      const ours = squaredError(quantizeValues(quantizer, activation), activation);
      assert.ok(ours <= error * 1.01, `${bits} bits: ${ours}, PyTorch ${error}`);
      assert.ok(Math.abs(histogramError(histogram, quantizer) / ours - 1) < 0.05, 'the error by bins');
    }
  });
});

describe('quantize/ptq/observe', () => {
  it('sees every value of every batch, the smaller last one too', async () => {
    const given = problem({}, 80);
    const inputs = blockInputs(given.merged, given.calibration.images);
    const histograms = await observeHistograms(given, given.merged);
    const ranges = await calibrate(arch, given.merged, [given.calibration]);
    quantizedBlocks(arch).forEach(({ name }, block) => {
      const { max, counts, total, positive, sum, squares } = histograms[block]!;
      const values = inputs[block]!.filter((x) => x > 0);
      assertClose([max], [ranges[name]!.max], 1e-5, 'max');
      assert.equal(total, inputs[block]!.length);
      assert.ok(Math.abs(positive - values.length) <= 2); // of values next to 0, engines differ
      assert.equal(
        counts.reduce((a, b) => a + b),
        positive,
      );
      assert.ok(Math.abs(sum / values.reduce((a, b) => a + b) - 1) < 1e-4);
      assert.ok(Math.abs(squares / values.reduce((a, b) => a + b * b, 0) - 1) < 1e-4);
      const quarter = values.filter((x) => x < max / 4).length;
      assert.ok(Math.abs(counts.subarray(0, 512).reduce((a, b) => a + b) - quarter) <= 4, 'counts');
    });
  });

  it('knows the mean and deviation of each channel', async () => {
    const given = problem({}, 80);
    const inputs = blockInputs(given.merged, given.calibration.images);
    const moments = await observeMoments(given, given.merged);
    moments.forEach(({ mean, std }, block) => {
      const channel = inputs[block]!.filter((_, i) => i % mean.length === 1);
      const expected = channel.reduce((a, b) => a + b, 0) / channel.length;
      const variance = channel.reduce((a, b) => a + (b - expected) ** 2, 0) / channel.length;
      assertClose([mean[1]!, std[1]!], [expected, Math.sqrt(variance)], 1e-4);
    });
  });

  it('knows what each tap sees, padding and stride included', async () => {
    const given = problem({}, 80);
    const { means } = await observeTapMeans(given, given.merged);
    // The mean output of a convolution is the kernel times the tap means, plus the bias.
    const inputs = blockInputs(given.merged, given.calibration.images);
    const block = quantizedBlocks(arch)[2]!;
    assert.equal(block.stride, 2);
    const kernel = get(given.merged, `${block.name}.rbr_reparam.weight`).data;
    const [input, size] = [inputs[2]!, block.inChannels];
    for (const out of [0, 5]) {
      let expected = 0;
      for (let image = 0; image < 80; image++) {
        for (let place = 0; place < 16; place++) {
          for (let tap = 0; tap < 9; tap++) {
            const y = 2 * Math.floor(place / 4) + Math.floor(tap / 3) - 1;
            const x = 2 * (place % 4) + (tap % 3) - 1;
            if (y < 0 || y > 7 || x < 0 || x > 7) continue;
            for (let c = 0; c < size; c++) {
              expected += kernel[(out * size + c) * 9 + tap]! * input[((image * 8 + y) * 8 + x) * size + c]!;
            }
          }
        }
      }
      const found = means[2]!.reduce((sum, mean, k) => sum + mean * kernel[out * size * 9 + k]!, 0);
      assertClose([found], [expected / (80 * 16)], 1e-4, `channel ${out}`);
    }
  });

  it('leaves no tensors behind when the look does not compile', async () => {
    const small = problem({}, 2);
    const look = (): tf.Tensor[] => {
      throw new Error('no look');
    };
    const before = tf.memory().numTensors;
    await assert.rejects(
      observe(small, small.merged, look, () => {}),
      /no look/,
    );
    assert.equal(tf.memory().numTensors, before);
  });

  it('refuses images of another shape', async () => {
    const given = problem({}, 2);
    await assert.rejects(
      observeHistograms({ ...given, imageShape: [8, 9, 3] }, given.merged),
      /2 images of \[8, 9, 3\] have 432 values, got 384/,
    );
  });
});

describe('quantize/ptq/mse', () => {
  it('finds the scale that a brute force finds, and never one worse than min–max', () => {
    const kernel = { shape: golden.weights.shape, data: Float32Array.from(golden.weights.data) };
    for (const granularity of ['perTensor', 'perChannel'] as const) {
      for (const weights of groupsOf(kernel, granularity)) {
        for (const bits of [2, 3, 4, 8]) {
          const widest = weightQuantizer(weights, bits);
          const errorAt = (scale: number): number =>
            squaredError(quantizeValues({ ...widest, scale }, weights), weights);
          const found = errorAt(mseWeightQuantizer(weights, bits).scale);
          assert.ok(found <= errorAt(widest.scale));
          let least = Infinity;
          for (let i = 1; i <= 4000; i++) least = Math.min(least, errorAt((widest.scale * i) / 4000));
          assert.ok(
            found <= least * 1.15 + 1e-9,
            `${granularity} ${bits} bits: ${found}, brute force ${least}`,
          );
        }
      }
    }
  });

  it('clips a lone outlier at low bits', () => {
    const weights = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i) * 0.1);
    weights[7] = 2;
    const reach = (bits: number): number => {
      const { scale, quantMax } = mseWeightQuantizer(weights, bits);
      return scale * quantMax;
    };
    assert.ok(reach(8) > 1.5 && reach(3) < 1, `${reach(8)} and ${reach(3)}`);
    const widest = weightQuantizer(weights, 3);
    const errorOf = (quantizer: typeof widest): number =>
      squaredError(quantizeValues(quantizer, weights), weights);
    assert.ok(errorOf(mseWeightQuantizer(weights, 3)) < 0.8 * errorOf(widest));
  });
});
