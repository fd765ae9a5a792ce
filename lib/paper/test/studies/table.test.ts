import assert from 'node:assert/strict';
import type { LowBitPoint, PtqPoint, ThresholdPoint } from '../../src/claims/index.js';
import { lowBitStudy, ptqStudy, studyTable, thresholdStudy } from '../../src/studies/index.js';

const source = 'made';

describe('studies/table', () => {
  it('has a line for each s and a column for each width, with the spread over seeds', () => {
    const point = (threshold: number, seed: number, fp32: number, bits: number, accuracy: number) => ({
      ...{ threshold, seed, fp32, bits, accuracy, images: 100, stateSize: 16 },
    });
    const rows: ThresholdPoint[] = [
      ...[point(0.5, 1, 0.6, 8, 0.6), point(Infinity, 1, 0.8, 8, 0.7), point(0.5, 2, 0.7, 8, 0.7)],
      ...[point(0.5, 1, 0.6, 4, 0.5), point(Infinity, 1, 0.8, 4, 0.1), point(0.5, 2, 0.7, 4, 0.6)],
    ];
    // FP32 is in every row of a network, and counts once for each.
    assert.deepEqual(studyTable({ study: thresholdStudy(), rows, source }), [
      { s: '0.5', FP32: '65.0 ± 7.1%', INT8: '65.0 ± 7.1%', INT4: '55.0 ± 7.1%' },
      { s: '∞ (BN)', FP32: '80.0%', INT8: '70.0%', INT4: '10.0%' },
    ]);
  });

  it('has a line for each width and method, and one for the network before', () => {
    const rows: LowBitPoint[] = (['ptq', 'uniformQat', 'clusterQat'] as const).flatMap((method, i) =>
      [0.5, Infinity].map((threshold) => ({
        ...{ threshold, method, seed: 1, bits: 4, accuracy: 0.1 * (i + 1) },
        ...{ fp32: 0.8, images: 100, stateSize: 16 },
      })),
    );
    const result = { study: lowBitStudy(), rows, source };
    assert.deepEqual(studyTable(result), [
      { bits: 32, method: '–', 's = 0.5': '80.0%', 's = ∞ (BN)': '80.0%' },
      { bits: 4, method: 'uniform PTQ', 's = 0.5': '10.0%', 's = ∞ (BN)': '10.0%' },
      { bits: 4, method: 'uniform QAT', 's = 0.5': '20.0%', 's = ∞ (BN)': '20.0%' },
      { bits: 4, method: 'ClusterQAT', 's = 0.5': '30.0%', 's = ∞ (BN)': '30.0%' },
    ]);
    assert.deepEqual(
      studyTable(result, ({ method, threshold }) => method === 'ptq' && threshold < 1),
      [
        { bits: 32, method: '–', 's = 0.5': '80.0%' },
        { bits: 4, method: 'uniform PTQ', 's = 0.5': '10.0%' },
      ],
    );
  });

  it('puts the state size of all networks last, and marks what is missing', () => {
    const point = (
      network: PtqPoint['network'],
      granularity: PtqPoint['granularity'],
      stateSize: number,
    ) => ({
      ...{ network, granularity, stateSize, method: 'min–max', bits: 8, seed: 1, source: 'figure 5' },
      ...{ threshold: Infinity, accuracy: 0.5, fp32: 0.6, images: 100 },
    });
    const rows: PtqPoint[] = [
      point('RepVGG', 'perTensor', 100),
      point('QARepVGG', 'perTensor', 103),
      point('RepVGG', 'perChannel', 9000),
    ];
    const table = studyTable({ study: ptqStudy(), rows, source });
    assert.deepEqual(Object.keys(table[0]!), [
      'method',
      'one quantizer per',
      'steps a unit',
      'source',
      'RepVGG',
      'QARepVGG',
      'state size',
    ]);
    assert.deepEqual(table.map(Object.values), [
      ['min–max', 'layer', '–', 'figure 5', '50.0%', '50.0%', 102],
      ['min–max', 'channel', '–', 'figure 5', '50.0%', '–', 9000],
    ]);
  });
});
