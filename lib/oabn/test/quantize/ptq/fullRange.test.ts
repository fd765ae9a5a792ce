import assert from 'node:assert/strict';
import { fullRangeWeights, ptqMethods, stateSize } from '../../../src/quantize/index.js';
import { quantizedBlocks } from '../../../src/model/index.js';
import { arch, problem } from './problem.js';

describe('quantize/ptq/fullRange', () => {
  it('has a level more than symmetric weights, from the least to the largest', () => {
    // 2 bits from −1 to 2: the levels −1, 0, 1, 2.
    const weights = Float32Array.of(-1, -0.4, 0, 0.6, 1.4, 1.6, 2);
    assert.deepEqual(
      [...fullRangeWeights(weights, 2)],
      [-1, 0, 0, 1, 1, 2, 2].map((w) => w + 0),
    );
    assert.equal(new Set(fullRangeWeights(weights, 2)).size, 4);
    assert.deepEqual([...fullRangeWeights(new Float32Array(3), 4)], [0, 0, 0]);
  });

  it('keeps to 2^b levels a layer, and refuses clusters', async () => {
    const { stateDict } = await ptqMethods.fullRange.quantize(problem({ bits: 3 }));
    const states = stateSize(arch, stateDict);
    // With an outlier in each kernel not every level is in use.
    assert.ok(
      states > quantizedBlocks(arch).length && states <= 8 * quantizedBlocks(arch).length,
      `${states}`,
    );
    await assert.rejects(
      async () => ptqMethods.fullRange.quantize(problem({ weights: 'cluster' })),
      /fullRange quantizes uniformly/,
    );
  });
});
