import assert from 'node:assert/strict';
import type { LowBitPoint, ThresholdPoint } from '../../src/claims/index.js';
import { lowBitRows, sweepRows } from '../../src/report/index.js';

const sweep: ThresholdPoint[] = [
  { threshold: Infinity, seed: 1, fp32: 0.8, quantized: { 4: 0.1, 8: 0.7 }, images: 100 },
  { threshold: 0.5, seed: 1, fp32: 0.6, quantized: { 4: 0.5, 8: 0.6 }, images: 100 },
  { threshold: 0.5, seed: 2, fp32: 0.7, quantized: { 4: 0.6, 8: 0.7 }, images: 100 },
];
const cells: LowBitPoint[] = (['ptq', 'uniformQat', 'clusterQat'] as const).flatMap((method, i) =>
  [0.5, Infinity].map((threshold) => ({
    threshold,
    seed: 1,
    bits: 4,
    method,
    accuracy: 0.1 * (i + 1),
    fp32: 0.8,
    images: 100,
    stateSize: 16,
  })),
);

describe('report/rows', () => {
  it('has a row for each s, wide bits first, with the spread over seeds', () => {
    assert.deepEqual(sweepRows(sweep), [
      { s: '0.5', FP32: '65.0 ± 7.1%', INT8: '65.0 ± 7.1%', INT4: '55.0 ± 7.1%' },
      { s: '∞ (BN)', FP32: '80.0%', INT8: '70.0%', INT4: '10.0%' },
    ]);
  });

  it('has a row for each width and method', () => {
    assert.deepEqual(lowBitRows(cells), [
      { bits: 32, method: '–', 's = 0.5': '80.0%', 's = ∞ (BN)': '80.0%' },
      { bits: 4, method: 'uniform PTQ', 's = 0.5': '10.0%', 's = ∞ (BN)': '10.0%' },
      { bits: 4, method: 'uniform QAT', 's = 0.5': '20.0%', 's = ∞ (BN)': '20.0%' },
      { bits: 4, method: 'ClusterQAT', 's = 0.5': '30.0%', 's = ∞ (BN)': '30.0%' },
    ]);
  });
});
