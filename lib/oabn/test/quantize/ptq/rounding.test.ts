import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { toHost } from '../../../src/model/index.js';
import { fakeQuantizeActivation, symmetricLevels } from '../../../src/quantize/index.js';
import { biasCorrections } from '../../../src/quantize/ptq/reconstruct/adam.js';
import { quantizeLearnedRange } from '../../../src/quantize/ptq/reconstruct/learnedRange.js';
import { keepMask } from '../../../src/quantize/ptq/reconstruct/minibatches.js';
import { activationReach, histogramOf } from '../../../src/quantize/ptq/reconstruct/ranges.js';
import {
  betaAt,
  kernelScales,
  rectifiedSigmoid,
  roundedKernel,
  roundingIntervals,
  roundingProblem,
  roundingRegularizer,
} from '../../../src/quantize/ptq/reconstruct/rounding.js';
import {
  outputError,
  type ReconstructionState,
  reconstructionStep,
} from '../../../src/quantize/ptq/reconstruct/step.js';
import { fixedUnit, initialState, kernelTensor } from '../../../src/quantize/ptq/reconstruct/unitState.js';
import { assertClose, goldenPath } from '../../golden/index.js';

interface Golden {
  bits: number;
  beta: number;
  regularization: number;
  rate: number;
  steps: number;
  scale: number;
  weight: number[];
  bias: number[];
  input: number[];
  target: number[];
  rounding: number[];
  reach: number;
  soft: number[];
  error: number;
  regularizer: number;
  roundingGradient: number[];
  reachGradient: number;
  roundingAfter: number[];
  reachAfter: number;
}
const golden: Golden = JSON.parse(readFileSync(goldenPath('adaround.json'), 'utf8'));

const gaussianKernel = (shape: readonly number[], seed: number) => {
  const stream = random(seed, 'kernel');
  const size = shape.reduce((product, n) => product * n, 1);
  return { shape, data: Float32Array.from({ length: size }, () => stream.normal()) };
};

describe('quantize/ptq: learned rounding against PyTorch', () => {
  const shape = [3, 2, 3, 3];
  const kernel = { shape, data: Float32Array.from(golden.weight) };
  const rounding = roundingProblem(kernel, golden.bits, Float64Array.of(golden.scale));
  const layer = {
    rounding,
    bias: Float32Array.from(golden.bias),
    activation: { reach: golden.reach, bits: golden.bits },
    meanOutput: 1,
  };
  const form = { strides: [2], restStrides: [], error: 'squared' } as const;
  const unit = fixedUnit([layer], []);
  const batch = {
    input: tf.tensor4d(golden.input, [2, 5, 5, 2]),
    target: tf.tensor4d(golden.target, [2, 3, 3, 3]),
  };
  const begin = (): ReconstructionState => {
    const state = initialState([layer], { learnsRanges: true, learnsAffine: false });
    const logits = kernelTensor(shape, Float32Array.from(golden.rounding));
    return { ...state, params: { ...state.params, '0.rounding': logits } };
  };

  it('soft kernel, error and regularizer', async () => {
    const { low, width } = roundingIntervals(rounding);
    const { params } = begin();
    const h = rectifiedSigmoid(params['0.rounding']!);
    const soft = tf.add(kernelTensor(shape, low), tf.mul(kernelTensor(shape, width), h));
    assertClose((await toHost(soft)).data, golden.soft, 1e-6, 'soft kernel');
    const error = await outputError(form, params, unit, batch).data();
    assertClose(error, [golden.error], 1e-6, 'error');
    const regularizer = await roundingRegularizer(h, tf.scalar(golden.beta)).data();
    assertClose(regularizer, [golden.regularizer], 1e-5, 'regularizer');
  });

  it('gradients of roundings and of the learned reach', async () => {
    const { params } = begin();
    const objective = (logits: tf.Tensor, range: tf.Tensor): tf.Tensor =>
      tf.add(
        outputError(form, { '0.rounding': logits, '0.range': range }, unit, batch),
        tf.mul(roundingRegularizer(rectifiedSigmoid(logits), tf.scalar(golden.beta)), golden.regularization),
      );
    const [logits, range] = tf.grads(objective)([params['0.rounding']!, params['0.range']!]);
    assertClose((await toHost(logits!)).data, golden.roundingGradient, 1e-6, 'roundings');
    // What is learned is the share of the first reach.
    assertClose(await range!.data(), [golden.reachGradient * golden.reach], 1e-5, 'reach');
  });

  it('Adam steps', async () => {
    const step = reconstructionStep(form);
    let state = begin();
    for (let t = 1; t <= golden.steps; t++) {
      const { first, second } = biasCorrections(t);
      const rate = tf.scalar(golden.rate);
      const schedule = {
        corrections: { first: tf.scalar(first), second: tf.scalar(second) },
        beta: tf.scalar(golden.beta),
        regularization: tf.scalar(golden.regularization),
        // A share of the first reach steps by the same length in units of the reach.
        rates: { rounding: rate, range: tf.scalar(golden.rate / golden.reach), affine: rate },
      };
      state = step(state, unit, batch, schedule).state;
    }
    assertClose((await toHost(state.params['0.rounding']!)).data, golden.roundingAfter, 1e-5, 'roundings');
    const [range] = await state.params['0.range']!.data();
    assertClose([range! * golden.reach], [golden.reachAfter], 1e-5, 'reach');
  });
});

describe('quantize/ptq: rounding', () => {
  it('begins with the weights as they are, and ends at the level below or above, whatever V', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.constantFrom('perTensor' as const, 'perChannel' as const),
        fc.integer({ min: 1, max: 1000 }),
        (bits, granularity, seed) => {
          const kernel = gaussianKernel([3, 2, 3, 3], seed);
          const problem = roundingProblem(kernel, bits, kernelScales(kernel, bits, granularity));
          const levels = symmetricLevels(bits);
          const { low, width } = roundingIntervals(problem);
          const h = rectifiedSigmoid(tf.tensor1d(problem.logits)).dataSync();
          const logits = gaussianKernel(kernel.shape, seed + 1).data;
          const rounded = roundedKernel(problem, logits);
          const nearest = roundedKernel(problem, problem.logits);
          kernel.data.forEach((weight, i) => {
            const scale = problem.scales[problem.scales.length > 1 ? Math.floor(i / 18) : 0]!;
            const clipped = Math.min(levels * scale, Math.max(-levels * scale, weight));
            assert.ok(Math.abs(low[i]! + width[i]! * h[i]! - clipped) < 1e-5 * (levels + 1) * scale);
            assert.ok(Math.abs(nearest[i]! - clipped) <= scale * 0.50001, 'first of all, to the nearest');
            assert.ok(Math.abs(rounded[i]! - clipped) <= scale * 1.00001, 'below or above');
            const level = rounded[i]! / scale;
            assert.ok(Math.abs(level - Math.round(level)) < 1e-4 && Math.abs(level) <= levels + 1e-4);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has a sigmoid that reaches its ends, with no gradient beyond them', () => {
    const logits = [-4, -2.5, 0, Math.log(3), 2.5, 10];
    assertClose(
      rectifiedSigmoid(tf.tensor1d(logits)).dataSync(),
      [0, 0, 0.5, 0.8, 1, 1],
      1e-6,
      'h = clip(1.2σ − 0.1)',
    );
    const gradient = tf
      .grad((v) => rectifiedSigmoid(v))(tf.tensor1d(logits))
      .dataSync();
    assertClose(gradient, [0, 0, 0.3, 0.225, 0, 0], 1e-6, '1.2·σ·(1 − σ) inside');
  });

  it('has a regularizer that is 0 for decided roundings, and a β that falls from 20 to 2', () => {
    const regularizer = (h: number[]): number =>
      roundingRegularizer(tf.tensor1d(h), tf.scalar(2)).dataSync()[0]!;
    assert.equal(regularizer([0, 1, 1, 0]), 0);
    assertClose([regularizer([0.5, 0.75])], [1.75], 1e-6, '1 − |2h − 1|²');
    assertClose([0, 0.2, 0.6, 1].map(betaAt), [20, 20, 11, 2], 1e-12, 'β');
  });
});

describe('quantize/ptq: ranges of least error', () => {
  it('finds the reach of activations that a search over the values themselves finds', () => {
    const values = gaussianKernel([3000], 4).data.map((x) => Math.max(0, x));
    const histogram = histogramOf(values);
    const largest = Math.max(...values);
    for (const [bits, p] of [
      [2, 2],
      [4, 1],
      [4, 2.4],
    ] as const) {
      const errorAt = (reach: number): number => {
        const scale = reach / (2 ** bits - 1);
        return values.reduce(
          (sum, x) => sum + Math.abs(x - Math.min(2 ** bits - 1, Math.round(x / scale)) * scale) ** p,
          0,
        );
      };
      const candidates = Array.from({ length: 80 }, (_, i) => largest * (1 - i / 100));
      const least = Math.min(...candidates.map(errorAt));
      const found = errorAt(activationReach(histogram, bits, p));
      assert.ok(found <= least * 1.01, `${bits} bits, p = ${p}: error ${found} instead of ${least}`);
    }
    assert.equal(activationReach(histogramOf(new Float32Array(9)), 4, 2), 0);
  });

  it('quantizes by the learned range as by the fixed one', () => {
    const x = tf.tensor1d(gaussianKernel([200], 5).data.map(Math.abs));
    const learned = quantizeLearnedRange(x, tf.scalar(1.7), tf.scalar(15)).dataSync();
    assert.deepEqual(learned, fakeQuantizeActivation(x, 0, 1.7, 4).dataSync());
  });
});

describe('quantize/ptq: dropping', () => {
  it('drops with the given probability, each element for itself, the same for a seed', () => {
    const mask = keepMask(40_001, 0.3, 5, 'a');
    const kept = mask.reduce((sum, m) => sum + m, 0) / mask.length;
    assert.ok(Math.abs(kept - 0.7) < 0.01, `${kept} kept`);
    const both = mask.filter((m, i) => i > 0 && m === 1 && mask[i - 1] === 1).length / mask.length;
    assert.ok(Math.abs(both - 0.49) < 0.01, `${both} of pairs kept`);
    assert.deepEqual(keepMask(40_001, 0.3, 5, 'a'), mask);
    assert.notDeepEqual(keepMask(40_001, 0.3, 6, 'a'), mask);
    assert.ok(keepMask(100, 0, 1).every((m) => m === 1));
    assert.ok(keepMask(100, 1, 1).every((m) => m === 0));
  });
});
