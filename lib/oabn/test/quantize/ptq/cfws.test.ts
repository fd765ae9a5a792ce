import assert from 'node:assert/strict';
import {
  groupsOf,
  loadAnyNetwork,
  mapGroups,
  ptqMethods,
  quantizeValues,
  saveQuantizedNetwork,
  stateSize,
  storedBits,
  storedStates,
  weightQuantizer,
} from '../../../src/quantize/index.js';
import { cfws, splitWeights } from '../../../src/quantize/ptq/cfws.js';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arch, kernels, mergedNetwork, problem, squaredError } from './problem.js';

describe('quantize/ptq/cfws', () => {
  it('has less error than min–max on kernels with outliers in the centre', () => {
    for (const kernel of kernels(mergedNetwork())) {
      for (const granularity of ['perTensor', 'perChannel'] as const) {
        for (const bits of [4, 8]) {
          const { centre, fine, sum } = splitWeights(kernel, bits, granularity);
          const both = fine.map((w, i) => (i % 9 === 4 ? w + centre[(i - 4) / 9]! : w));
          assert.deepEqual(sum, both);
          const plain = mapGroups(kernel, granularity, (weights) =>
            quantizeValues(weightQuantizer(weights, bits), weights),
          );
          const [split, whole] = [sum, plain].map((found) => squaredError(found, kernel.data));
          const limit = granularity === 'perTensor' ? 0.5 : 1;
          assert.ok(split! < limit * whole!, `${granularity} ${bits} bits: ${split}, ${whole}`);
        }
      }
    }
  });

  it('stores two sets of levels and ten codes for nine weights', async () => {
    const network = await cfws.quantize(problem({ bits: 4 }));
    kernels(mergedNetwork()).forEach((kernel) => {
      const { centre, fine } = splitWeights(kernel, 4);
      assert.ok(new Set(centre).size <= 15 && new Set(fine).size <= 15);
    });
    const weights = kernels(mergedNetwork()).reduce((sum, { data }) => sum + data.length, 0);
    assert.equal(storedBits(network), (4 * weights * 10) / 9);
    assert.ok(storedStates(network) <= 3 * 30 && storedStates(network) > 3 * 15);
    assert.ok(stateSize(arch, network.stateDict) > storedStates(network), 'sums take more values');
    const path = join(await mkdtemp(join(tmpdir(), 'oabn-cfws-')), 'network.safetensors');
    await saveQuantizedNetwork(path, network);
    const { quantization } = await loadAnyNetwork(path);
    assert.deepEqual(quantization, {
      scheme: network.scheme,
      activations: network.activations,
      stored: network.stored,
    });
  });

  it('counts one code a weight elsewhere, and the values of every channel', async () => {
    const perTensor = await ptqMethods.minMax.quantize(problem({ bits: 3 }));
    const perChannel = await ptqMethods.minMax.quantize(problem({ bits: 3, granularity: 'perChannel' }));
    assert.equal(storedStates(perTensor), stateSize(arch, perTensor.stateDict));
    assert.ok(storedStates(perTensor) <= 3 * 7);
    const expected = kernels(perChannel.stateDict).reduce((sum, kernel) => {
      const nonzero = groupsOf(kernel, 'perChannel').map((w) => new Set(w.filter((x) => x !== 0)).size);
      return sum + nonzero.reduce((a, b) => a + b) + 1;
    }, 0);
    assert.equal(storedStates(perChannel), expected);
    assert.equal(storedBits(perTensor), storedBits(perChannel));
  });
});
