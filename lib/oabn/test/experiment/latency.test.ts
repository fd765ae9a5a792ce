import assert from 'node:assert/strict';
import { latencyOf } from '../../src/experiment/index.js';

describe('experiment/latency', () => {
  it('takes the middle of two for the median of an even number, and percentiles in proportion', () => {
    assert.deepEqual(latencyOf([4, 1, 3, 2]), { median: 2.5, low: 1.3, high: 3.7 });
    assert.deepEqual(latencyOf([3, 1, 2]), { median: 2, low: 1.2, high: 2.8 });
    assert.deepEqual(latencyOf([7]), { median: 7, low: 7, high: 7 });
  });
});
