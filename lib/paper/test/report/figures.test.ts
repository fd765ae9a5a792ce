import assert from 'node:assert/strict';
import { mergeParts } from 'oabn/merge';
import { blocksOf, initialize, normalizeArchitecture } from 'oabn/model';
import {
  ablation4BitFigure,
  ablationFigure,
  barFigure,
  binCounts,
  classAPartsFigure,
  kernelGridFigure,
  layersFigure,
  learningRateFigure,
  lineFigure,
  lowBitFigure,
  thresholdFigure,
  weightDistributionFigure,
} from '../../src/figures/index.js';
import { type Figure } from 'tslab-kernel/display';
import { figureSvg } from 'tslab-kernel/picture';
import { textWidth } from '../../../notebook/src/picture/svg.js';
import { learningRateStudy, lowBitStudy, thresholdStudy } from '../../src/studies/index.js';
import { ablations, architecture } from './reportFixture.js';

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
    const points = (threshold: number, seed: number, fp32: number) =>
      [8, 4].map((bits) => ({
        ...{ threshold, seed, fp32, bits, accuracy: (fp32 * bits) / 8, images: 100, stateSize: 9 },
      }));
    const rows = [
      ...[points(Infinity, 1, 0.6), points(Infinity, 2, 0.8), points(0.5, 1, 0.5), points(0.5, 2, 0.5)],
    ].flat();
    const figure = thresholdFigure({ study: thresholdStudy(), rows, source: 'made' }, { title: 'Figure 7a' });
    assert.match(JSON.stringify(figure.layout.title), /Figure 7a.*made/);
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
    const figure = classAPartsFigure({ arch, stateDict, name: 'BN', source: 'untrained' }, { block });
    assert.match(JSON.stringify(figure.layout.title), /BN · untrained/);
    assert.deepEqual(
      figure.data.map((trace) => trace.name),
      ['3×3', '1×1', 'identity (r0)'],
    );
    const identity = figure.data[2]!.y as number[];
    identity.forEach((value, i) => assert.ok(Math.abs(value - parts.ratios.identity![i]!) < 1e-6));
    checkFigure(figure);
  });

  it('puts titles with units on the other figures', () => {
    checkFigure(lineFigure({ ...titles, series: [{ name: 'a', x: [1, 2], y: [3, 4] }], xKind: 'log' }));
    const arch = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [1, 1], classes: 2 });
    const network = { arch, stateDict: initialize(arch, 1), name: 'BN', source: 'untrained' };
    const distribution = weightDistributionFigure({ 'RepVGG, BN': network }, { layer: 0 });
    checkFigure(distribution);
    assert.match(JSON.stringify(distribution.layout.title), /stage1\.0 alone · untrained/);
    assert.throws(() => weightDistributionFigure({ network }, { layer: 7 }), /from 0 to 0, got 7/);
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
    const rows = [cell, { ...cell, method: 'uniformQat' as const }];
    checkFigure(lowBitFigure({ study: lowBitStudy(), rows, source: 'made' }, { bits: 4 }));
  });

  describe('still pictures of long names', () => {
    const figures: Record<string, Figure> = {
      'layers of a deep network': layersFigure(architecture, { subtitle: 'made' }),
      'variants of an ablation': ablationFigure(ablations, { group: 'how centroids move' }),
      'three variants': ablationFigure(
        { ...ablations, rows: ablations.rows.slice(0, 6) },
        { group: 'how centroids move' },
      ),
      'twenty methods': barFigure({
        ...titles,
        series: ['RepVGG', 'OABN s = 0.5, with a name in the legend that is far too long for one line'].map(
          (name) => ({
            name,
            x: Array.from({ length: 20 }, (_, i) => `cross-layer equalization ${i}, per channel`),
            y: Array.from({ length: 20 }, (_, i) => 5 * i),
          }),
        ),
      }),
      'learning rates': learningRateFigure({
        study: learningRateStudy,
        source: 'made',
        rows: [Infinity, 0.5].flatMap((threshold) =>
          [4, 2].flatMap((bits) =>
            (['uniform', 'cluster'] as const).flatMap((weights) =>
              [0.001, 0.01].map((learningRate) => ({
                ...{
                  threshold,
                  seed: 100,
                  bits,
                  weights,
                  learningRate,
                  images: 100,
                  fp32: 0.9,
                  stateSize: 16,
                },
                accuracy: 40 * learningRate + 0.1 * bits,
              })),
            ),
          ),
        ),
      }),
      'four bits': ablation4BitFigure(
        {
          study: lowBitStudy(),
          source: 'made',
          rows: [0.5, Infinity].flatMap((threshold) =>
            (['uniformQat', 'clusterQat'] as const).map((method) => ({
              ...{ threshold, method, seed: 1, bits: 4, accuracy: 0.5, fp32: 0.6, images: 10, stateSize: 16 },
            })),
          ),
        },
        { bits: 4 },
      ),
    };
    for (const [name, figure] of Object.entries(figures)) {
      it(`keeps texts apart and inside the picture: ${name}`, () => {
        checkFigure(figure);
        const boxes = textBoxes(figureSvg(figure));
        assert.ok(boxes.length > 8);
        for (const [i, box] of boxes.entries()) {
          for (const [x, y] of box.corners) {
            assert.ok(x >= 0 && x <= 820 && y >= 0 && y <= 460, `«${box.text}» at ${x}, ${y}`);
          }
          for (const other of boxes.slice(i + 1))
            assert.ok(!overlap(box, other), `«${box.text}» on «${other.text}»`);
        }
      });
    }

    it('breaks names into lines where that suffices, and turns them where not', () => {
      const turned = (figure: Figure): boolean => figureSvg(figure).includes('rotate(-40 ');
      assert.equal(turned(figures['three variants']!), false);
      assert.ok(figureSvg(figures['three variants']!).includes('>a Lloyd step every 10 steps<'));
      assert.equal(turned(figures['variants of an ablation']!), true);
      assert.equal(turned(figures['four bits']!), false);
    });
  });
});

interface TextBox {
  readonly text: string;
  /** In order around the box. */
  readonly corners: readonly (readonly [number, number])[];
}

/** Where the texts of a picture are, by about how wide they are, turned as they are. */
function textBoxes(svg: string): TextBox[] {
  return [...svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)]
    .filter(([, , content]) => content !== '')
    .map(([, attributes, content]) => {
      const of = (name: string, fallback = '0'): string =>
        new RegExp(` ${name}="([^"]*)"`).exec(` ${attributes}`)?.[1] ?? fallback;
      const [x, y, size] = ['x', 'y', 'font-size'].map((name) => Number(of(name)));
      const width = 0.9 * textWidth(content!, size);
      const left = { start: 0, middle: -width / 2, end: -width }[of('text-anchor', 'start')]!;
      const turn = (Number(/rotate\((-?\d+)/.exec(of('transform'))?.[1] ?? 0) * Math.PI) / 180;
      const corners = [
        [left, -0.7 * size!],
        [left + width, -0.7 * size!],
        [left + width, 0.1 * size!],
        [left, 0.1 * size!],
      ].map(([dx, dy]) => {
        const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
        return [x! + dx! * cos - dy! * sin, y! + dx! * sin + dy! * cos] as const;
      });
      return { text: content!, corners };
    });
}

/** Whether two turned boxes overlap: no side of either has all of the other beyond it. */
function overlap(one: TextBox, other: TextBox): boolean {
  const apart = (a: TextBox, b: TextBox): boolean =>
    a.corners.some(([x, y], i) => {
      const [nx, ny] = a.corners[(i + 1) % 4]!;
      const [dx, dy] = [nx - x, ny - y];
      return b.corners.every(([bx, by]) => dx * (by - y) - dy * (bx - x) < 0);
    });
  return !apart(one, other) && !apart(other, one);
}
