import assert from 'node:assert/strict';
import { tableText } from 'oabn-base';
import { tableHtml } from 'tslab-kernel/display';
import { pivot, runTable, table } from '../../src/figures/index.js';

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

  it('puts values under their names where some rows have more members than others', async () => {
    const frame = await table([
      { method: 'min–max', bits: 8, accuracy: 61 },
      { method: 'AdaRound', iterations: 40, bits: 4, accuracy: 62 },
      { method: 'AdaRound', iterations: 40, bits: 4, accuracy: 64 },
    ]);
    assert.deepEqual(frame.columns, ['method', 'bits', 'accuracy', 'iterations']);
    assert.deepEqual(frame['method'].values, ['min–max', 'AdaRound', 'AdaRound']);
    assert.deepEqual(frame.groupby(['method']).col(['accuracy']).mean().values, [
      ['min–max', 61],
      ['AdaRound', 63],
    ]);
    assert.equal((await table([])).shape[0], 0);
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

describe('figures/frame: the runs of a study', () => {
  const rows = [4, 3].flatMap((bits) =>
    [0.5, Infinity].flatMap((threshold) =>
      [1, 2].map((seed) => ({
        ...{ bits, threshold, seed, right: 'AAAA', trace: [{ epoch: 1 }] },
        ...{ accuracy: 0.1 * bits + 0.01 * seed, fp32: 0.5 },
      })),
    ),
  );

  it('arrive as numbers and texts, accuracies in percent', async () => {
    const frame = await runTable({ rows });
    assert.deepEqual(frame.columns, ['bits', 's', 'threshold', 'seed', 'accuracy', 'fp32']);
    assert.deepEqual(frame.values[0], [4, '0.5', 0.5, 1, 41, 50]);
  });

  it('have methods under the names of tables', async () => {
    const methods = ['ptq', 'uniformQat', 'clusterQat', 'min–max'];
    const frame = await runTable({ rows: methods.map((method) => ({ method })) });
    assert.deepEqual(frame['method'].values, ['uniform PTQ', 'uniform QAT', 'ClusterQAT', 'min–max']);
  });

  it('are grouped and turned', async () => {
    const means = (await runTable({ rows })).groupby(['bits', 's']).col(['accuracy']).mean();
    const turned = await pivot(means, { index: ['bits'], columns: 's', values: 'accuracy_mean' });
    assert.deepEqual(turned.columns, ['bits', '0.5', '∞ (BN)']);
    const heading = (s: string): string => `s = ${s}`;
    const headed = await pivot(means, { index: ['bits'], columns: 's', values: 'accuracy_mean', heading });
    assert.deepEqual(headed.columns, ['bits', 's = 0.5', 's = ∞ (BN)']);
    assert.deepEqual(turned.values, [
      [3, '31.5', '31.5'],
      [4, '41.5', '41.5'],
    ]);
  });

  it('keep the index first where numbers become the columns', async () => {
    const means = (await runTable({ rows })).groupby(['bits', 's']).col(['accuracy']).mean();
    const turned = await pivot(means, { index: ['s'], columns: 'bits', values: 'accuracy_mean' });
    assert.deepEqual(turned.columns, ['s', '3', '4']);
    assert.match(tableText(turned), /^ +s +3 +4\n/);
    assert.match(tableHtml(turned), />s<.*>3<.*>4</s);
  });

  it('turn into a table with dashes where nothing is, and refuse what is not unique', async () => {
    const frame = await table([
      { bits: 4, s: 'a', value: 1 },
      { bits: 3, s: 'b', value: 2 },
    ]);
    const turned = await pivot(frame, { index: ['bits'], columns: 's', values: 'value', digits: 0 });
    assert.deepEqual(turned.values, [
      [4, '1', '–'],
      [3, '–', '2'],
    ]);
    await assert.rejects(
      pivot(frame, { index: ['bits'], columns: 'q', values: 'value' }),
      /There is no column «q» to pivot; there are bits, s, value/,
    );
    const twice = await runTable({ rows });
    await assert.rejects(
      pivot(twice, { index: ['bits'], columns: 's', values: 'accuracy' }),
      /Two rows belong in one cell.*group them first, by bits, s/,
    );
  });
});
