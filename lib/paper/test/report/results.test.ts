import assert from 'node:assert/strict';
import type { LowBitPoint } from '../../src/claims/index.js';
import { resultsMarkdown } from '../../src/report/index.js';

const row = (threshold: number, seed: number, bits: number, accuracy: number): LowBitPoint => ({
  ...{ threshold, seed, bits, accuracy, method: 'ptq', fp32: 0.8, images: 100, stateSize: 9 },
});

describe('report/results', () => {
  it('is a table of bits and methods by s, with the seeds where they differ', () => {
    const sweep = [
      ...[row(0.1, 1, 4, 0.6), row(0.25, 1, 4, 0.61), row(0.5, 1, 4, 0.7)],
      ...[row(Infinity, 1, 4, 0.3), row(Infinity, 2, 4, 0.4), row(Infinity, 1, 2, 0.1)],
    ];
    const cells = [0.5, Infinity].map((s) => ({ ...row(s, 1, 4, 0.75), method: 'clusterQat' as const }));
    assert.equal(
      resultsMarkdown({ sweep, cells }),
      [
        '| bits | method      | OABN s = 0.1, 1 seed | OABN s = 0.5, 1 seed | BN (s = ∞), 2 seeds |',
        '| ---: | ----------- | -------------------: | -------------------: | ------------------: |',
        '|   32 | –           |                 80.0 |                 80.0 |          80.0 ± 0.0 |',
        '|    4 | uniform PTQ |                 60.0 |                 70.0 |          35.0 ± 7.1 |',
        '|    4 | ClusterQAT  |                    – |                 75.0 |                75.0 |',
        '',
      ].join('\n'),
    );
  });
});
