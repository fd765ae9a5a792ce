import assert from 'node:assert/strict';
import { type HostTensor } from 'oabn-base';
import { get, type StateDict } from '../../../src/model/index.js';
import { ptqMethods } from '../../../src/quantize/index.js';
import { dfq, highBiases, observeMoments } from '../../../src/quantize/ptq/dfq.js';
import { absorbBiases, chainOf, equalize } from '../../../src/quantize/ptq/equalize.js';
import { assertClose } from '../../golden/index.js';
import { arch, blockInputs, images, logits, mergedNetwork, problem, quantizedLogits } from './problem.js';

/** The largest |w| of each channel along `axis` (0: out, 1: in). */
function ranges({ shape, data }: HostTensor<Float32Array>, axis: 0 | 1): Float64Array {
  const taps = data.length / (shape[0]! * shape[1]!);
  const result = new Float64Array(shape[axis]!);
  data.forEach((w, index) => {
    const channel =
      axis === 0 ? Math.floor(index / (taps * shape[1]!)) : Math.floor(index / taps) % shape[1]!;
    result[channel] = Math.max(result[channel]!, Math.abs(w));
  });
  return result;
}

/** `merged` with every bias moved by `shift`. */
function withBiases(merged: StateDict, shift: number): StateDict {
  return Object.fromEntries(
    Object.entries(merged).map(([name, { shape, data }]) => [
      name,
      { shape, data: name.endsWith('rbr_reparam.bias') ? data.map((b) => b + shift) : data },
    ]),
  );
}

describe('quantize/ptq/dfq', () => {
  it('equalizes the ranges of neighbouring layers without changing an output', () => {
    const merged = mergedNetwork();
    const { stateDict, scales } = equalize(arch, merged);
    const chain = chainOf(arch);
    chain.slice(0, -1).forEach(({ weight }, layer) => {
      const [out, into] = [
        ranges(get(stateDict, weight), 0),
        ranges(get(stateDict, chain[layer + 1]!.weight), 1),
      ];
      assertClose(
        out.map((r, i) => r / into[i]!),
        out.map(() => 1),
        1e-3,
        weight,
      );
    });
    assert.ok(scales.some((scale) => scale.some((s) => Math.abs(Math.log(s)) > 0.3)));
    const pixels = images(6);
    assertClose(logits(stateDict, pixels), logits(merged, pixels), 1e-5, 'logits');
  });

  it('leaves dead channels alone', () => {
    const merged = mergedNetwork();
    const { shape, data } = get(merged, 'stage1.0.rbr_reparam.weight');
    const dead = {
      ...merged,
      'stage1.0.rbr_reparam.weight': { shape, data: data.map((w, i) => (i < 36 ? 0 : w)) },
    };
    const { stateDict, scales } = equalize(arch, dead);
    assert.equal(scales[1]![0], 1);
    for (const tensor of Object.values(stateDict)) assert.ok(tensor.data.every(Number.isFinite));
    assertClose(logits(stateDict, images(4)), logits(dead, images(4)), 1e-5, 'logits');
  });

  it('absorbs high biases: exactly inside, where no border is', () => {
    const merged = withBiases(mergedNetwork(), 40);
    const shifts = [4, 6, 6].map((channels) => Float64Array.from({ length: channels }, (_, c) => 3 + c));
    const absorbed = absorbBiases(arch, merged, shifts);
    const [before, after] = [blockInputs(merged, images(1)), blockInputs(absorbed, images(1))];
    const at = (values: Float32Array, y: number, x: number, c: number): number =>
      values[(y * 8 + x) * 6 + c]!;
    // Behind the second convolution, the inside of the image is three pixels from its border at most.
    const above = [0, 1, 2, 3, 4, 5].filter((c) => at(before[1]!, 4, 4, c) > shifts[1]![c]!);
    assert.ok(above.length >= 2);
    for (const c of above) {
      assertClose([at(after[1]!, 4, 4, c)], [at(before[1]!, 4, 4, c) - shifts[1]![c]!], 1e-5, `channel ${c}`);
    }
    assert.deepEqual(highBiases([{ mean: Float64Array.of(5, 5), std: Float64Array.of(1, 2) }]), [
      Float64Array.of(2, 0),
    ]);
  });

  it('corrects the mean of each output, and computes nearer to FP32 than min–max', async () => {
    const given = problem({ bits: 4, activationBits: null });
    const pixels = given.calibration.images;
    const [corrected, plain] = [await dfq.quantize(given), await ptqMethods.minMax.quantize(given)];
    const expected = logits(given.merged, pixels);
    const bias = (found: Float32Array): number => {
      const mean = (values: Float32Array, k: number): number =>
        values.reduce((sum, value, i) => sum + (i % 5 === k ? value : 0), 0) / (values.length / 5);
      return [0, 1, 2, 3, 4].reduce((sum, k) => sum + Math.abs(mean(found, k) - mean(expected, k)), 0);
    };
    const error = (found: Float32Array): number =>
      found.reduce((sum, value, i) => sum + (value - expected[i]!) ** 2, 0);
    const [dfqLogits, plainLogits] = [quantizedLogits(corrected, pixels), quantizedLogits(plain, pixels)];
    assert.ok(bias(dfqLogits) < 0.5 * bias(plainLogits), `${bias(dfqLogits)}, ${bias(plainLogits)}`);
    assert.ok(error(dfqLogits) < 0.7 * error(plainLogits), `${error(dfqLogits)}, ${error(plainLogits)}`);
  });

  it("the first quantized block's output has the mean that it has in FP32", async () => {
    const given = problem({ bits: 3, activationBits: null });
    const { shape, data } = get(given.merged, 'stage1.0.rbr_reparam.bias');
    // High enough that this block's ReLU cuts nothing.
    const lifted = {
      ...given.merged,
      'stage1.0.rbr_reparam.bias': { shape, data: data.map((b) => b + 500) },
    };
    const raised = { ...given, merged: lifted };
    const equal = equalize(arch, lifted).stateDict;
    const moments = await observeMoments(raised, equal);
    const prepared = absorbBiases(arch, equal, highBiases(moments));
    const network = await dfq.quantize(raised);
    const mean = (stateDict: StateDict): Float64Array => {
      const values = blockInputs(stateDict, given.calibration.images)[1]!;
      const sums = new Float64Array(6);
      values.forEach((value, i) => (sums[i % 6]! += value / (values.length / 6)));
      return sums;
    };
    assert.ok(highBiases(moments)[1]!.every((c) => c > 0));
    // Absorption leaves the ReLU three deviations, of which it cuts a little.
    assertClose(mean(network.stateDict), mean(prepared), 1e-3, 'means');
    const name = 'stage1.0.rbr_reparam.bias';
    const uncorrected = { ...network.stateDict, [name]: get(prepared, name) };
    const off = mean(uncorrected).map((m, c) => Math.abs(m - mean(prepared)[c]!));
    assert.ok(Math.max(...off) > 0.1, 'without the correction it has not');
  });
});
