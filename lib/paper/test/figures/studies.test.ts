import assert from 'node:assert/strict';
import type { LowBitPoint } from '../../src/claims/index.js';
import { bitsFigure, overviewFigure } from '../../src/figures/index.js';

describe('figures/studies', () => {
  const at = (threshold: number): LowBitPoint[] =>
    (['ptq', 'clusterQat'] as const).map((method) => ({
      ...{ threshold, method, bits: 3, seed: 1, fp32: 0.6, accuracy: 0.5, images: 100 },
      stateSize: 8,
    }));
  const namesOf = (rows: readonly LowBitPoint[]) =>
    overviewFigure({ rows, source: 'made up', seeds: 1 } as never, { bits: 3 }).data.map(({ name }) => name);

  it('leaves networks that were not fine-tuned yet out of the overview', () => {
    assert.deepEqual(namesOf([...at(Infinity), at(1)[0]!]), ['BN']);
  });

  it('draws plain BN first in the overview, whatever the order of the rows', () => {
    const names = [at(0.5), at(Infinity)].map((_, i, both) =>
      namesOf((i === 0 ? both : both.toReversed()).flat()),
    );
    assert.deepEqual(names, [
      ['BN', 'OABN s = 0.5'],
      ['BN', 'OABN s = 0.5'],
    ]);
  });
});

describe('figures/story', () => {
  const row = (threshold: number, seed: number, bits: number, accuracy: number): LowBitPoint => ({
    ...{ threshold, seed, bits, accuracy, method: 'ptq', fp32: 0.8, images: 100, stateSize: 9 },
  });

  it('draws a line for each network and method that there is, a row of both studies once', () => {
    const sweep = [
      row(Infinity, 1, 8, 0.8),
      row(Infinity, 1, 4, 0.3),
      row(Infinity, 2, 4, 0.5),
      row(0.5, 1, 4, 0.7),
    ];
    const cells = [row(Infinity, 1, 4, 0.3), { ...row(0.5, 1, 4, 0.75), method: 'clusterQat' as const }];
    const { data } = bitsFigure({ rows: sweep, source: 'made up' }, { cells, threshold: 0.5 });
    assert.deepEqual(
      data.map(({ name, x, y }) => [name, x, (y as number[]).map(Math.round)]),
      [
        ['BN, uniform PTQ', ['FP32', '8', '4'], [80, 80, 40]],
        ['OABN s = 0.5, uniform PTQ', ['FP32', '4'], [80, 70]],
        ['OABN s = 0.5, ClusterQAT', ['4'], [75]],
      ],
    );
    const colors = data.map(({ line }) => (line as { color: string }).color);
    assert.ok(colors[1] === colors[2] && colors[0] !== colors[1]);
  });
});
