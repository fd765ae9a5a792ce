import assert from 'node:assert/strict';
import type { LowBitPoint } from '../../src/claims/index.js';
import { overviewFigure } from '../../src/figures/index.js';

describe('figures/studies', () => {
  it('draws plain BN first in the overview, whatever the order of the rows', () => {
    const at = (threshold: number): LowBitPoint[] =>
      (['ptq', 'clusterQat'] as const).map((method) => ({
        ...{ threshold, method, bits: 3, seed: 1, fp32: 0.6, accuracy: 0.5, images: 100 },
        stateSize: 8,
      }));
    const names = [at(0.5), at(Infinity)].map((_, i, both) => {
      const rows = (i === 0 ? both : both.toReversed()).flat();
      const { data } = overviewFigure({ rows, source: 'made up', seeds: 1 } as never, { bits: 3 });
      return data.map(({ name }) => name);
    });
    assert.deepEqual(names, [
      ['BN', 'OABN s = 0.5'],
      ['BN', 'OABN s = 0.5'],
    ]);
  });
});
