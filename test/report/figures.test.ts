import assert from 'node:assert/strict';
import { mergeParts } from '../../lib/src/merge/index.js';
import { blocksOf, initialize, normalizeArchitecture } from '../../lib/src/model/index.js';
import {
  binCounts,
  classAPartsFigure,
  type Figure,
  kernelGridFigure,
  lineFigure,
  lowBitFigure,
  thresholdFigure,
  weightDistributionFigure,
} from '../../lib/src/report/figures/index.js';

const titles = { title: 't', subtitle: 's', xTitle: 'x (unit)', yTitle: 'y (unit)' };

/** Every figure is JSON with titles on both axes. */
function checkFigure({ data, layout }: Figure): void {
  assert.deepEqual(JSON.parse(JSON.stringify({ data, layout })), { data, layout });
  const axisTitle = (name: string): string => (layout[name] as { title: { text: string } }).title.text;
  assert.ok(axisTitle('xaxis').length > 0 && axisTitle('yaxis').length > 0);
}

describe('report/figures', () => {
  it('bins values around multiples of the width, empty bins too', () => {
    const { centres, counts } = binCounts(Float32Array.of(-1.1, -0.9, 0.2, 2.2), 1);
    assert.deepEqual(centres, [-1, 0, 1, 2]);
    assert.deepEqual(counts, [2, 1, 0, 1]);
  });

  it('lays kernels out as tiles: output channel down, input channel across, taps within', () => {
    const values = Array.from({ length: 2 * 3 * 9 }, (_, i) => i);
    const figure = kernelGridFigure({ ...titles, values, inChannels: 3, rows: 2, colorTitle: '|w|' });
    const z = figure.data[0]!.z as (number | null)[][];
    assert.deepEqual([z.length, z[0]!.length], [7, 11]);
    assert.equal(z[0]![0], 0);
    assert.equal(z[1]![1], 4);
    assert.equal(z[4 + 2]![8 + 1], (1 * 3 + 2) * 9 + 2 * 3 + 1);
    assert.equal(z[3]![0], null);
    checkFigure(figure);
  });

  it('draws accuracy over s with the spread of the seeds, ∞ last', () => {
    const point = (threshold: number, seed: number, fp32: number) => ({
      threshold,
      seed,
      fp32,
      quantized: { 8: fp32, 4: fp32 / 2 },
      images: 100,
    });
    const figure = thresholdFigure(
      [point(Infinity, 1, 0.6), point(Infinity, 2, 0.8), point(0.5, 1, 0.5), point(0.5, 2, 0.5)],
      'Figure 7a',
      'made',
    );
    const [fp32, int8, int4] = figure.data as unknown as {
      name: string;
      x: string[];
      y: number[];
      error_y?: { array: number[] };
    }[];
    assert.deepEqual([fp32!.name, int8!.name, int4!.name], ['FP32', 'INT8', 'INT4']);
    assert.deepEqual(fp32!.x, ['0.5', '∞ (BN)']);
    assert.deepEqual(
      fp32!.y.map((value) => value.toFixed(6)),
      ['50.000000', '70.000000'],
    );
    assert.ok(Math.abs(fp32!.error_y!.array[1]! - 14.142) < 0.001);
    checkFigure(figure);
  });

  it('shows the shares of the branches, which add up to the merged class-A weights', () => {
    const arch = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [1, 1], classes: 2 });
    const stateDict = initialize(arch, 1);
    const block = blocksOf(arch)[1]!;
    const parts = mergeParts(arch, stateDict, block);
    const figure = classAPartsFigure(block, parts, 'made');
    assert.deepEqual(
      figure.data.map((trace) => trace.name),
      ['3x3', '1x1', 'identity (r0)'],
    );
    const identity = figure.data[2]!.y as number[];
    identity.forEach((value, i) => assert.ok(Math.abs(value - parts.ratios.identity![i]!) < 1e-6));
    checkFigure(figure);
  });

  it('puts titles with units on the other figures', () => {
    checkFigure(lineFigure({ ...titles, series: [{ name: 'a', x: [1, 2], y: [3, 4] }], xKind: 'log' }));
    checkFigure(
      weightDistributionFigure(
        [{ name: 'BN', layers: [Float32Array.of(1, 2, 3), Float32Array.of(-1, 1)] }],
        'made',
      ),
    );
    const cell = {
      threshold: 1,
      seed: 1,
      bits: 4,
      method: 'clusterQat',
      accuracy: 0.5,
      fp32: 0.6,
      images: 10,
      stateSize: 16,
    } as const;
    checkFigure(lowBitFigure([cell, { ...cell, method: 'uniformQat' }], 4, 'made'));
  });
});
