import assert from 'node:assert/strict';
import type { LowBitPoint } from '../../src/claims/index.js';
import {
  ablation4BitFigure,
  barFigure,
  bitsFigure,
  learningRateFigure,
  lowBitFigure,
  outlierFigure,
  overviewFigure,
  seedsFigure,
  thresholdFigure,
} from '../../src/figures/index.js';

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

describe('figures of bars and lines', () => {
  const row = (
    threshold: number,
    seed: number,
    bits: number,
    method: LowBitPoint['method'],
  ): LowBitPoint => ({
    ...{ threshold, seed, bits, method, accuracy: 0.5 + seed / 100, fp32: 0.8, images: 100, stateSize: 9 },
  });
  const colors = ({ data }: { data: readonly Readonly<Record<string, unknown>>[] }) =>
    new Map(data.map(({ name, marker }) => [name, (marker as { color: string }).color]));

  it('have the colours of the methods, in figure 8 as in table 5', () => {
    const rows = (['ptq', 'uniformQat', 'clusterQat'] as const).map((method) => row(0.5, 1, 4, method));
    const [table, figure] = [lowBitFigure, ablation4BitFigure].map((draw) =>
      colors(draw({ rows, source: 'made up' } as never, { bits: 4 })),
    );
    for (const [name, color] of figure!) assert.equal(table!.get(name), color);
  });

  it('draw each seed, in the colour of its s, with gaps where it was not quantized', () => {
    const rows = [row(0.5, 2, 8, 'ptq'), row(Infinity, 2, 8, 'ptq'), row(Infinity, 1, 4, 'ptq')];
    const { data } = seedsFigure({ rows, source: 'made up' });
    assert.deepEqual(
      data.map(({ name, x, y }) => [name, x, y]),
      [
        ['BN, seed 1', ['FP32', '8', '4'], [80, null, 51]],
        ['BN, seed 2', ['FP32', '8', '4'], [80, 52, null]],
        ['OABN s = 0.5, seed 2', ['FP32', '8', '4'], [80, 52, null]],
      ],
    );
    const drawn = colors({ data });
    assert.equal(drawn.get('BN, seed 1'), drawn.get('BN, seed 2'));
    assert.notEqual(drawn.get('BN, seed 1'), drawn.get('OABN s = 0.5, seed 2'));
  });

  it('have the colours of the bits, whichever others are drawn', () => {
    const at = (bits: number[]) =>
      colors(
        thresholdFigure({ rows: bits.map((b) => row(0.5, 1, b, 'ptq')), source: 'made up' } as never, {
          title: 'made up',
        }),
      );
    assert.equal(at([8, 7, 6, 5, 4]).get('INT4'), at([8, 4]).get('INT4'));
  });

  it('have other colours for each of nine series', () => {
    const series = Array.from({ length: 9 }, (_, i) => ({ name: `${i}`, x: ['a'], y: [i] }));
    const bars = barFigure({ title: '', subtitle: '', xTitle: '', yTitle: '', series });
    assert.equal(new Set(colors(bars).values()).size, 9);
  });

  it('show the spread over seeds in table 5’s figure', () => {
    const rows = [row(0.5, 1, 4, 'ptq'), row(0.5, 2, 4, 'ptq')];
    const { data } = lowBitFigure({ rows, source: 'made up' } as never, { bits: 4 });
    assert.ok('error_y' in data[0]!);
  });
});

describe('figures/story', () => {
  const row = (threshold: number, seed: number, bits: number, accuracy: number): LowBitPoint => ({
    ...{ threshold, seed, bits, accuracy, method: 'ptq', fp32: 0.8, images: 100, stateSize: 9 },
  });

  it('draws a line for each network and method that there is, a row of both studies once, with gaps', () => {
    const sweep = [
      row(Infinity, 1, 8, 0.8),
      row(Infinity, 1, 6, 0.7),
      row(Infinity, 1, 4, 0.3),
      row(Infinity, 2, 4, 0.5),
      row(0.5, 1, 4, 0.7),
    ];
    const cells = [
      row(Infinity, 1, 4, 0.3),
      { ...row(0.5, 1, 8, 0.79), method: 'clusterQat' as const },
      { ...row(0.5, 1, 4, 0.75), method: 'clusterQat' as const },
    ];
    const { data } = bitsFigure({ rows: sweep, source: 'made up' }, { cells, threshold: 0.5 });
    assert.deepEqual(
      data.map(({ name, x, y }) => [name, x, (y as (number | null)[]).map((v) => v && Math.round(v))]),
      [
        ['BN, uniform PTQ', ['FP32', '8', '6', '4'], [80, 80, 70, 40]],
        ['OABN s = 0.5, uniform PTQ', ['FP32', '8', '6', '4'], [80, null, null, 70]],
        ['OABN s = 0.5, ClusterQAT', ['8', '6', '4'], [79, null, 75]],
      ],
    );
    const colors = data.map(({ line }) => (line as { color: string }).color);
    assert.ok(colors[1] === colors[2] && colors[0] !== colors[1]);
  });
});

describe('figures that stand side by side', () => {
  type Trace = Readonly<Record<string, unknown>>;
  const lineOf = (trace: Trace | undefined) => trace!.line as { color: string; dash: string };

  it('have one colour for each rule of decay, and dashes for OABN', () => {
    const row = (decay: string, threshold: number) => ({
      ...{ decay, threshold, epochs: 2, width: 1, bits: 4, seed: 1 },
      trace: [{ epoch: 1, maxRatio: 1 }],
    });
    const draw = (rows: unknown[]) =>
      outlierFigure({ rows, source: 'made up' } as never, { value: 'maxRatio' }).data.map(lineOf);
    const [kernels, limited] = draw([row('kernels', Infinity), row('kernels', 0.5)]);
    assert.deepEqual(limited, { ...kernels, dash: 'dash' });
    const alone = draw([row('all', Infinity)])[0]!;
    assert.deepEqual(draw([row('kernels', Infinity), row('all', Infinity)])[1], alone);
  });

  it('have the colours of the methods over learning rates, whose axis shows what differs', () => {
    const rows = (['uniform', 'cluster'] as const).flatMap((weights) =>
      [0.5, Infinity].map((threshold) => ({
        ...{ weights, threshold, bits: 4, seed: 1, learningRate: 0.01, accuracy: 0.8 },
      })),
    );
    const { data, layout } = learningRateFigure({ rows, source: 'made up' } as never);
    const [uniform, uniformPlain, cluster] = data.map(lineOf);
    assert.deepEqual(uniform, { ...uniformPlain, dash: 'dash' });
    assert.notEqual(uniform!.color, cluster!.color);
    assert.equal((layout.yaxis as Trace).range, undefined);
  });
});
