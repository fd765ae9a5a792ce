/** A slider that moves a histogram: its counts, its page's messages, and the picture that stands for it. */
import assert from 'node:assert/strict';
import { type Bundle, sliderHistogram, widgetMime } from '../src/display/index.js';
import { figureSvg } from '../src/picture/index.js';
import { binCounts, figureOf } from '../src/display/sliderHistogram.js';

describe('notebook/display: a histogram with a slider', () => {
  /** What was sent to the page, and what the page says. */
  const sent: Bundle[] = [];
  const comm = {
    id: 'comm-1',
    send: (data: Bundle) => sent.push(data),
    close: () => undefined,
    onMessage: undefined as ((message: { data: Bundle }) => unknown) | undefined,
  };
  const globals = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for('Jupyter.kernel');
  beforeEach(() => {
    sent.length = 0;
    globals[key] = { comms: { open: (_target: string, data: Bundle) => (sent.push(data), comm) } };
  });
  afterEach(() => void Reflect.deleteProperty(globals, key));

  const clip = (s: number): number[] => [-3, -0.2, 0, 0.1, 5].map((x) => Math.max(-s, Math.min(s, x)));

  it('counts the values of each bin, the last one with its end', () => {
    assert.deepEqual(binCounts([0, 0.9, 1, 1.5, 2, -1, 3, NaN], 0, 2, 2), [2, 3]);
  });

  it('draws again what the slider chooses, on an axis that only grows', async () => {
    const made = sliderHistogram({ label: 's', min: 0.5, max: 8, value: 1, bins: 4 }, (s) => ({
      values: clip(s),
      lines: [-s, s],
    }));
    assert.deepEqual(made.state.bars, { from: -1, to: 1, counts: [1, 1, 2, 1], lines: [-1, 1] });
    await comm.onMessage!({ data: { method: 'update', state: { value: 8 } } });
    const bars = { from: -3, to: 5, counts: [1, 3, 0, 1], lines: [-8, 8] };
    assert.deepEqual(sent.at(-1), { method: 'update', state: { bars }, buffer_paths: [] });
    await comm.onMessage!({ data: { method: 'update', state: { value: 1 } } });
    assert.deepEqual([made.state.bars.from, made.state.bars.to], [-3, 5]);
  });

  it('stays in the range that it is given, and takes plain values', () => {
    const { bars } = sliderHistogram({ min: 0, max: 1, bins: 2, range: [-1, 1] }, () => clip(9)).state;
    assert.deepEqual(bars, { from: -1, to: 1, counts: [1, 2], lines: [] });
    const empty = sliderHistogram({ min: 0, max: 1, bins: 2 }, () => []).state.bars;
    assert.deepEqual(empty, { from: 0, to: 1, counts: [0, 0], lines: [] });
    const one = sliderHistogram({ min: 0, max: 1, bins: 2 }, () => Float32Array.of(3, 3)).state.bars;
    assert.deepEqual(one, { from: 2.5, to: 3.5, counts: [0, 2], lines: [] });
  });

  it('is a picture where no widget can be', async () => {
    const made = sliderHistogram({ label: 's', min: 0, max: 2, title: 'Ratios', bins: 4 }, clip);
    const show = (made as unknown as Record<symbol, () => Promise<Bundle>>)[Symbol.for('Jupyter.display')]!;
    const bundle = await show();
    assert.deepEqual(bundle[widgetMime], { version_major: 2, version_minor: 0, model_id: 'comm-1' });
    assert.ok('image/png' in bundle || 'image/svg+xml' in bundle);
    const { data, layout } = figureOf(made.state);
    assert.deepEqual(data[0]!.y, [0.5, 1, 1, 2, 1, 0.5]);
    assert.match(JSON.stringify(layout.title), /Ratios.*s = 1/);
    const marked = { ...made.state, bars: { ...made.state.bars, lines: [0] } };
    const svg = figureSvg(figureOf(marked));
    assert.equal(svg.split('stroke="#D55E00"').length, 2, 'a mark, and none in a legend');
  });

  it('says what is wrong', () => {
    assert.throws(() => sliderHistogram({ min: 0, max: 1, bins: 0 }, clip), /at least one bin, got 0/);
    assert.throws(() => sliderHistogram({ min: 0, max: 1, range: [1, 1] }, clip), /ascend, got \[1, 1\]/);
    Reflect.deleteProperty(globals, key);
    assert.throws(() => sliderHistogram({ min: 0, max: 1 }, clip), /needs a notebook/);
  });
});
