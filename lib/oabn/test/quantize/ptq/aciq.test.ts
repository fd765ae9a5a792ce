import assert from 'node:assert/strict';
import { random } from 'oabn-base';
import { activationQuantizer, groupsOf, quantizeValues, stateSize } from '../../../src/quantize/index.js';
import {
  aciq,
  aciqMethod,
  aciqThreshold,
  allocateBits,
  correctMoments,
  laplaceClip,
  normalClip,
} from '../../../src/quantize/ptq/aciq.js';
import { addToHistogram, emptyHistogram } from '../../../src/quantize/ptq/histogram.js';
import { assertClose } from '../../golden/index.js';
import { arch, kernels, problem, squaredError } from './problem.js';

/** The α in (0, 15] at which a function is least, to 0.001. */
function argMin(f: (alpha: number) => number): number {
  let [best, least] = [0, Infinity];
  for (let i = 1; i <= 15_000; i++) if (f(i / 1000) < least) [best, least] = [i / 1000, f(i / 1000)];
  return best;
}

/** E((x − α)₊²) on both sides of a symmetric density, by the midpoint rule. */
function clippingError(density: (x: number) => number, alpha: number): number {
  let sum = 0;
  for (let x = alpha + 0.01; x < 40; x += 0.02) sum += 2 * (x - alpha) ** 2 * density(x) * 0.02;
  return sum;
}

describe('quantize/ptq/aciq', () => {
  it('has the optima of the paper and of a numerical search', () => {
    // Section 3: 2.83·b, 3.89·b and 5.03·b at 2, 3 and 4 bits; its code has 1.71, 2.15 and 2.55 σ for a
    // normal one.
    assertClose([2, 3, 4].map(laplaceClip), [2.83, 3.89, 5.03], 0.002);
    assertClose([2, 3, 4].map(normalClip), [1.71, 2.15, 2.55], 0.005);
    for (const bits of [2, 4]) {
      const laplace = argMin((a) => 2 * Math.exp(-a) + a ** 2 / (3 * 4 ** bits));
      assert.ok(Math.abs(laplaceClip(bits) / laplace - 1) < 0.01);
    }
    const normal = (x: number): number => Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
    let [best, least] = [0, Infinity];
    for (let a = 2; a < 3.2; a += 0.01) {
      const error = clippingError(normal, a) + a ** 2 / (3 * 4 ** 4);
      if (error < least) [best, least] = [a, error];
    }
    assert.ok(Math.abs(normalClip(4) / best - 1) < 0.01, `${normalClip(4)} and ${best}`);
  });

  it('clips samples behind a ReLU about where their error is least', () => {
    const stream = random(3, 'aciq');
    const sample = {
      laplace: (): number => (stream.uniform() < 0.5 ? -1 : 1) * Math.log(1 - stream.uniform()) * 0.7,
      normal: (): number => stream.normal() * 1.3,
    };
    for (const prior of ['laplace', 'normal'] as const) {
      const values = Float32Array.from({ length: 30_000 }, () => Math.max(0, sample[prior]()));
      const histogram = emptyHistogram(values.reduce((a, b) => Math.max(a, b)));
      addToHistogram(histogram, values);
      const errorAt = (max: number): number =>
        squaredError(quantizeValues(activationQuantizer({ min: 0, max }, 4), values), values);
      const threshold = aciqThreshold(histogram, 4, prior);
      let least = Infinity;
      for (let i = 1; i <= 40; i++) least = Math.min(least, errorAt((histogram.max * i) / 40));
      assert.ok(errorAt(threshold) < 1.1 * least, `${prior}: ${errorAt(threshold)}, least ${least}`);
      assert.equal(aciqThreshold(histogram, 4), threshold, 'the prior that fits');
      assert.ok(errorAt(threshold) < 0.7 * errorAt(histogram.max));
    }
  });

  it('gives quantized weights their mean and norm back', async () => {
    const given = problem({ bits: 3, granularity: 'perChannel' });
    const { stateDict } = await aciq.quantize(given);
    kernels(given.merged).forEach((kernel, block) => {
      const after = groupsOf(kernels(stateDict)[block]!, 'perChannel');
      groupsOf(kernel, 'perChannel').forEach((weights, channel) => {
        const describe = (values: Float32Array): [number, number] => {
          const mean = values.reduce((a, b) => a + b, 0) / values.length;
          return [mean, Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0))];
        };
        assertClose(describe(after[channel]!), describe(weights), 1e-5);
      });
    });
    const perLayer = await aciq.quantize(problem({ bits: 3 }));
    assert.ok(stateSize(arch, perLayer.stateDict) <= 3 * 7, 'a layer keeps its levels');
    assert.deepEqual(correctMoments(Float32Array.of(1, 1), Float32Array.of(0, 0)), Float32Array.of(1, 1));
  });

  it('allots bits by range^(2/3) within the budget', async () => {
    const channels = [1, 8, 8, 64].map((range) => Float32Array.of(range, 0));
    // A range 8 times as wide has 4 times the levels.
    assert.deepEqual(allocateBits(channels, 4), [2, 4, 4, 6]);
    const used = allocateBits(
      Array.from({ length: 31 }, (_, i) => Float32Array.of(1.3 ** i)),
      4,
    );
    assert.ok(used.reduce((a, b) => a + b) <= 31 * 4 && used.reduce((a, b) => a + b) >= 31 * 3.5);
    const method = aciqMethod({ bitAllocation: true });
    await assert.rejects(method.quantize(problem({ bits: 4 })), /needs granularity perChannel/);
    const given = problem({ bits: 4, granularity: 'perChannel' });
    const { stateDict } = await method.quantize(given);
    const error = (of: typeof stateDict): number =>
      kernels(of).reduce((sum, { data }, i) => sum + squaredError(data, kernels(given.merged)[i]!.data), 0);
    assert.ok(error(stateDict) < error((await aciq.quantize(given)).stateDict));
  });

  it('refuses k-means weights', async () => {
    await assert.rejects(aciq.quantize(problem({ weights: 'cluster' })), /aciq quantizes uniformly/);
  });
});
