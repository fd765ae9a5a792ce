import assert from 'node:assert/strict';
import { quantile, UserError } from '../src/index.js';

describe('quantiles', () => {
  it('are the values themselves, or between the two next to them', () => {
    assert.deepEqual(
      [0, 0.25, 0.5, 1].map((share) => quantile([1, 2, 3, 5, 9], share)),
      [1, 2, 3, 9],
    );
    assert.equal(quantile([1, 2, 4, 8], 0.5), 3);
    assert.equal(quantile([10, 20], 0.1), 11);
    assert.equal(quantile([7], 0.9), 7);
  });

  it('need a value, and a share between none and all', () => {
    assert.throws(() => quantile([], 0.5), UserError);
    for (const share of [-0.1, 1.1, NaN]) assert.throws(() => quantile([1, 2], share), UserError);
  });
});
