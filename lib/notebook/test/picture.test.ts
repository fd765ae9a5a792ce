import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { barFigure, dotFigure, histogramFigure, kernelGridFigure, lineFigure } from 'oabn-paper/figures';
import { figurePng, figureSvg, figureTitle } from '../src/picture/index.js';
import { scaleOf } from '../src/picture/scale.js';

const titles = {
  title: 'Loss & <accuracy>',
  subtitle: 'made data',
  xTitle: 'time (s)',
  yTitle: 'loss (nat)',
};
const count = (svg: string, element: string): number => svg.split(`<${element}`).length - 1;

describe('report/picture', () => {
  it('draws lines with a marker for each point, an error bar, a legend, and all titles escaped', () => {
    const svg = figureSvg(
      lineFigure({
        ...titles,
        xKind: 'category',
        series: [
          { name: 'first', x: ['a', 'b', '∞'], y: [1, 2, 3], error: [0.5, 0, 0] },
          { name: 'second', x: ['a', 'b', '∞'], y: [3, 2, 1] },
        ],
      }),
    );
    for (const text of [
      'Loss &amp; &lt;accuracy&gt;',
      'made data',
      'time (s)',
      'loss (nat)',
      'first',
      'second',
      '∞',
    ]) {
      assert.ok(svg.includes(`>${text}<`), text);
    }
    assert.equal(count(svg, 'circle '), 3 + 1); // points of the first series and its sample in the legend
    assert.equal(count(svg, 'polygon '), 3 + 1); // squares of the second
    assert.ok(!/NaN|undefined|Infinity/.test(svg));
  });

  it('draws dots on lines that are named from top to bottom, with level error bars', () => {
    const y = ['first of the names', 'second of the names'];
    const series = [{ name: 'dots', y, x: [20, 60], error: [5, 0] }];
    const svg = figureSvg(dotFigure({ ...titles, series, xRange: [0, 100] }));
    const dots = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) => m.slice(1).map(Number));
    const heights = y.map((name) =>
      Number(new RegExp(`<text x="[\\d.]+" y="([\\d.]+)"[^>]*>${name}<`).exec(svg)![1]),
    );
    assert.equal(dots.length, 2);
    const [[x1, y1], [x2, y2]] = dots as [[number, number], [number, number]];
    assert.ok(x1 < x2 && y1 < y2 && heights[0]! < heights[1]!, svg);
    assert.ok(
      Math.abs(heights[0]! - y1) < 6 && Math.abs(heights[1]! - y2) < 6,
      'each name is beside its dot',
    );
    const level = [
      ...svg.matchAll(/<line x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)" stroke="#0072B2"/gi),
    ]
      .map((m) => m.slice(1).map(Number))
      .find(([, from, , to]) => from === to);
    assert.ok(level && Math.abs((level[0]! + level[2]!) / 2 - x1) < 0.1, 'the bar is centred on its dot');
    assert.ok(!/NaN|undefined|Infinity/.test(svg));
  });

  it('stacks bars from zero: what is above and what is below separately', () => {
    const series = [
      { name: 'p', x: [1], y: [2] },
      { name: 'q', x: [1], y: [-1] },
      { name: 'r', x: [1], y: [1] },
    ];
    const svg = figureSvg(barFigure({ ...titles, mode: 'relative', series }));
    const bars = [
      ...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" fill="#/g),
    ].map((match) => match.slice(1).map(Number));
    const [p, q, r] = bars;
    const bottom = (bar: number[]): number => bar[1]! + bar[3]!;
    assert.ok(Math.abs(bottom(p!) - q![1]!) < 0.05, 'q hangs from zero, where p stands');
    assert.ok(Math.abs(bottom(r!) - p![1]!) < 0.05, 'r stands on p');
    assert.ok(Math.abs(p![3]! / q![3]! - 2) < 0.01, 'heights are to scale');
  });

  it('colours the cells of a heat map and leaves gaps', () => {
    const values = Array.from({ length: 2 * 9 }, (_, i) => i);
    const svg = figureSvg(kernelGridFigure({ ...titles, values, inChannels: 2, rows: 1, colorTitle: '|w|' }));
    const fills = [...svg.matchAll(/<rect [^>]*fill="(#\w{6})"/g)].map((match) => match[1]);
    assert.equal(fills.length, 1 + 2 * 9); // the card and the taps, none for the gap between the tiles
    assert.ok(fills.includes('#440154') && fills.includes('#fde725'));
    assert.ok(svg.includes('>|w|<'));
  });

  it('shows a single outlier of a histogram on a log axis as a step', () => {
    const values = new Float32Array(1001).fill(0);
    values[1000] = 20;
    const svg = figureSvg(histogramFigure({ ...titles, binWidth: 1, series: [{ name: 'w', values }] }));
    const path = / d="(M[^"]+V[^"]+)"/.exec(svg)![1]!;
    const heights = new Set([...path.matchAll(/V([\d.]+)/g)].map((match) => match[1]));
    assert.equal(heights.size, 3); // 1000, 1, and the floor
  });

  it('chooses ticks that people count in', () => {
    const labels = (...args: Parameters<typeof scaleOf>): string[] =>
      scaleOf(...args).ticks.map(({ text }) => text);
    assert.deepEqual(labels({ range: [0, 1] }, { values: [] }, 0, 100, 5), [
      '0.0',
      '0.2',
      '0.4',
      '0.6',
      '0.8',
      '1.0',
    ]);
    assert.deepEqual(labels({ range: [-3, 3] }, { values: [] }, 0, 100, 4), ['−2', '0', '2']);
    assert.deepEqual(labels({ type: 'log', range: [0, 6] }, { values: [] }, 0, 100, 4), [
      '1',
      '100',
      '10k',
      '1M',
    ]);
    const rates = { type: 'log', tickvals: [0.002, 0.01], ticktext: ['0.002', '1%'] } as const;
    assert.deepEqual(labels(rates, { values: [0.002, 0.01] }, 0, 100, 4), ['0.002', '1%']);
    assert.deepEqual(labels({}, { values: ['a', 'b', 'a'] }, 0, 100, 5), ['a', 'b']);
  });

  it('says what it leaves out of a figure that a reader made', () => {
    const figure = {
      data: [{ type: 'pie', values: [1, 2] }, { y: Float32Array.of(1, 2) }],
      layout: { title: 'Mine' },
    };
    const svg = figureSvg(figure);
    assert.ok(svg.includes('>Not in this still picture: pie<') && svg.includes('>Mine<'));
    assert.equal(figureTitle(figure), 'Mine');
    assert.match(figureSvg({ data: [], layout: {} }), /^<svg [^]*<\/svg>$/);
  });

  it('becomes a PNG of the asked scale', async function () {
    const figure = lineFigure({ ...titles, series: [{ name: 'a', x: [1, 2], y: [1, 2] }] });
    const png = await figurePng(figure, 2);
    if (!png) this.skip(); // a machine without fonts has none, by design
    const { width, height, format } = await sharp(png).metadata();
    assert.deepEqual({ width, height, format }, { width: 1640, height: 920, format: 'png' });
    const { channels } = await sharp(png).stats();
    assert.ok(channels.every(({ max }) => max === 255) && channels.some(({ min }) => min < 60));
  });

  it('is no PNG on a machine without fonts, where text would be empty boxes', function () {
    if (process.platform !== 'linux') this.skip(); // elsewhere fonts do not come from fontconfig
    const folder = mkdtempSync(join(tmpdir(), 'fonts-'));
    const config = join(folder, 'fonts.conf');
    writeFileSync(config, '<?xml version="1.0"?><fontconfig></fontconfig>');
    const code = `import { figurePng } from ${JSON.stringify(new URL('../src/picture/index.ts', import.meta.url).href)};
      const png = await figurePng({ data: [], layout: { title: 'A title' } });
      console.log(png === undefined ? 'none' : png.length);`;
    try {
      const args = ['--conditions=oabn-source', '--import', 'tsx', '--input-type=module', '--eval', code];
      const env = { ...process.env, FONTCONFIG_FILE: config };
      assert.equal(execFileSync(process.execPath, args, { env, encoding: 'utf8' }).trim(), 'none');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
