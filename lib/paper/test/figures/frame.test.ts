import assert from 'node:assert/strict';
import { tableText } from 'oabn-base';
import { tableHtml } from 'tslab-kernel/display';
import { table } from '../../src/figures/index.js';

const numbers = [
  { a: 1, b: 'x' },
  { a: 2, b: 'y' },
];

describe('figures/frame', () => {
  it('makes a danfo DataFrame, which is shown as its rows are', async () => {
    const frame = await table(numbers);
    assert.deepEqual(frame.shape, [2, 2]);
    assert.equal(tableText(frame), tableText(numbers));
    assert.equal(tableText(await table([{ a: 1 }, { a: 2 }])), tableText([{ a: 1 }, { a: 2 }]));
    assert.match(tableHtml(frame), /<td[^>]*>1<.*<td[^>]*>x</s);
  });

  it('groups and sorts', async () => {
    const frame = await table([
      { s: 0.5, accuracy: 60 },
      { s: 0.25, accuracy: 80 },
      { s: 0.5, accuracy: 70 },
    ]);
    const means = frame.groupby(['s']).col(['accuracy']).mean().sortValues('s') as typeof frame;
    assert.deepEqual(means.values, [
      [0.25, 80],
      [0.5, 65],
    ]);
  });
});
