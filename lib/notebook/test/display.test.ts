import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import vm from 'node:vm';
import { gunzipSync } from 'node:zlib';
import {
  type Bundle,
  figureBundle,
  isPlotlyBundle,
  notebookProgress,
  plotlyMark,
  plotlyScript,
  show,
  showTable,
  slider,
} from '../src/display/index.js';
import { pace } from '../src/display/pace.js';
import { kernelGridFigure, lineFigure } from 'oabn-paper/figures';

const titles = { title: 'A "title" </script>', subtitle: 'made', xTitle: 'x', yTitle: 'y' };
const figure = lineFigure({ ...titles, series: [{ name: 'a', x: [1, 2], y: [1 / 3, 2] }] });

interface Sent {
  readonly data: Bundle;
  readonly metadata: Bundle;
  readonly update: boolean | undefined;
}

/** Runs `cell` as in a kernel, for which a stand-in answers; returns what it displayed. */
async function inKernel(cell: () => Promise<void>): Promise<Sent[]> {
  const sent: Sent[] = [];
  const key = Symbol.for('Jupyter.kernel');
  const running = {
    signal: new AbortController().signal,
    publish: (
      data: Sent['data'],
      { update, metadata = {} }: { update?: boolean; metadata?: Sent['metadata'] } = {},
    ) => sent.push({ data, metadata, update }),
  };
  const globals = globalThis as { [key: symbol]: unknown };
  globals[key] = { currentCell: () => running };
  try {
    await cell();
  } finally {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
    delete globals[key];
  }
  return sent;
}

/** What `action` prints. */
async function printed(action: () => Promise<void>): Promise<string> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    await action();
  } finally {
    console.log = log;
  }
  return lines.join('\n');
}

describe('notebook/display', () => {
  it('bundles a figure as Plotly JSON, as HTML with a picture, and as text', async () => {
    const bundle = await figureBundle(figure);
    const plotly = bundle['application/vnd.plotly.v1+json'] as {
      data: { y: number[] }[];
      layout: { width: number };
    };
    assert.deepEqual(plotly.data[0]!.y, [0.333333, 2]);
    assert.equal(plotly.layout.width, 820);
    const html = bundle['text/html'] as string;
    assert.match(
      html,
      /<img src="data:image\/(png|svg\+xml);base64,[\w+/=]{1000,}" width="820" alt="A &quot;title&quot; &lt;\/script&gt;"/,
    );
    assert.equal(html.split('</script>').length, 2, 'no text of the figure ends its script');
    assert.equal(bundle['text/plain'], '[figure] A "title" </script>: a');
    if (bundle['image/png']) assert.ok(html.includes(bundle['image/png'] as string));
  });

  it('draws with the Plotly of the page, at once or when it comes, and keeps the picture when it fails', async () => {
    const html = (await figureBundle(figure))['text/html'] as string;
    const script = /<script>([^]*)<\/script>/.exec(html)![1]!;
    const page = (window: Record<string, unknown>) => {
      const image = { style: { display: '' } };
      const listeners: (() => void)[] = [];
      const place = { append: () => undefined, querySelector: () => image };
      const document = { getElementById: () => place, createElement: () => ({}) };
      Object.assign(window, {
        addEventListener: (_: string, listener: () => void) => listeners.push(listener),
      });
      vm.runInNewContext(script, { window, document, Promise });
      return { image, listeners };
    };
    const drawn: unknown[][] = [];
    const Plotly = { newPlot: (...args: unknown[]) => drawn.push(args) };

    const ready = page({ oabnPlotly: Promise.resolve(Plotly) });
    await sleep(0);
    assert.equal(drawn.length, 1);
    assert.equal(ready.image.style.display, 'none');

    const window: Record<string, unknown> = {};
    const waiting = page(window);
    await sleep(0);
    assert.equal(waiting.image.style.display, '', 'a page without Plotly shows the picture');
    window.oabnPlotly = Promise.resolve(Plotly);
    waiting.listeners.forEach((listener) => listener());
    await sleep(0);
    assert.equal(drawn.length, 2);

    const failing = page({ oabnPlotly: Promise.reject(new Error('no DecompressionStream')) });
    await sleep(0);
    assert.equal(failing.image.style.display, '');
  });

  it('keeps a large figure below 150 kB', async () => {
    const values = Array.from({ length: 3 * 48 * 9 }, (_, i) => Math.abs(Math.sin(i) ** 9) / 3);
    const grid = kernelGridFigure({ ...titles, values, inChannels: 48, rows: 3, colorTitle: '|w|' });
    const size = JSON.stringify(await figureBundle(grid)).length;
    assert.ok(size < 150_000, `${size} bytes`);
  });

  it('carries the whole of Plotly, small enough for the data rate of a Jupyter server', () => {
    const script = plotlyScript();
    assert.ok(script.startsWith(`<script ${plotlyMark}>`));
    assert.ok(script.length < 2_700_000, `${script.length} bytes`);
    const text = gunzipSync(Buffer.from(/atob\('([^']+)'\)/.exec(script)![1]!, 'base64')).toString();
    assert.match(text, /plotly\.js v\d/);
  });

  it('shows Plotly once, then figures; recognises that output in a saved notebook too', async () => {
    const sent = await inKernel(async () => {
      await show(figure);
      await show(figure);
    });
    assert.deepEqual(
      sent.map((output) => isPlotlyBundle(output)),
      [true, false, false],
    );
    const html = sent[0]!.data['text/html'] as string;
    assert.ok(isPlotlyBundle({ data: { 'text/html': html.split(/(?<=\n)/) } }), 'a file has a list of lines');
    assert.ok(!isPlotlyBundle({}) && !isPlotlyBundle({ data: { 'text/html': `<p>${plotlyMark}</p>` } }));
    assert.ok('application/vnd.plotly.v1+json' in sent[1]!.data);
  });

  it('lets out no more than the limit within any three seconds', async () => {
    let time = 0;
    const room = pace({ most: 100, window: 3000, now: () => time, wait: async (ms) => (time += ms) });
    const sentAt: number[] = [];
    for (const bytes of [80, 20, 10, 90, 200]) {
      await room(bytes);
      sentAt.push(time);
      time += 100;
    }
    // The third waits for the first to leave the window, the fourth for the second; what is too large goes
    // alone.
    assert.deepEqual(sentAt, [0, 100, 3000, 3100, 6100]);
  });

  it('shows tables in a kernel, and prints outside of one', async () => {
    const [sent] = await inKernel(() => showTable([{ a: 1 }]));
    assert.match(sent!.data['text/html'] as string, /<table /);
    assert.equal(await printed(() => showTable([{ a: 1 }])), 'a\n─\n1');
    assert.match(
      await printed(() => show(figure)),
      /^\[figure\] A "title" .*: a \(drawn when run in a notebook\)$/,
    );
  });
});

describe('notebook/display progress', () => {
  /** A progress on a clock that the test turns, and what it displayed. */
  function setUp() {
    const shown: { html: string; text: string; id?: string; update?: boolean }[] = [];
    const newCell = () => (data: Bundle, display?: { id?: string; update?: boolean }) => {
      shown.push({ html: data['text/html'] as string, text: data['text/plain'] as string, ...display });
    };
    const state = { time: 0, cell: newCell() };
    const progress = notebookProgress({ cell: () => state.cell, now: () => state.time });
    return { shown, state, progress, newCell };
  }

  it('updates one display, five times a second at most', () => {
    const { shown, state, progress } = setUp();
    for (let done = 1; done < 100; done++) {
      progress({ task: 'train', done, total: 100, fields: { loss: 1.5, 'img/s': 800 } });
      state.time += 10;
    }
    assert.equal(shown.length, 5);
    assert.deepEqual(
      shown.map(({ update }) => update),
      [false, true, true, true, true],
    );
    assert.equal(new Set(shown.map(({ id }) => id)).size, 1);
    assert.match(shown[1]!.html, /<progress value="21" max="100"/);
    assert.match(shown[1]!.text, /^train 21\/100 {2}loss 1.5 {2}img\/s 800 {2}left 1 s$/);
  });

  it('says the last state without being called again', async () => {
    const { shown, progress } = setUp();
    progress({ task: 'train', done: 1, total: 2 });
    progress({ task: 'train', done: 2, total: 2, fields: { loss: 0.5 } });
    assert.equal(shown.length, 1);
    await sleep(80);
    assert.equal(shown.at(-1)!.text, '✓ train  loss 0.5\n1 task in 0 s');
  });

  it('ends as a few lines: epochs on one, many tasks counted', () => {
    const { shown, state, progress } = setUp();
    for (let run = 1; run <= 20; run++) {
      for (let epoch = 1; epoch <= 3; epoch++) {
        state.time += 1000;
        progress({ task: `train s=<${run}> epoch ${epoch}/3`, done: 7, total: 7, fields: { loss: epoch } });
      }
    }
    const last = shown.at(-1)!;
    const lines = last.text.split('\n');
    assert.equal(lines.length, 8);
    assert.equal(lines[0], '… 14 earlier');
    assert.equal(lines[6], '✓ train s=<20> epoch 3/3  loss 3');
    assert.equal(lines[7], '20 tasks in 59 s');
    assert.ok(last.html.includes('s=&lt;20&gt;') && last.html.length < 2000);
  });

  it('begins a display of its own in the next cell', () => {
    const { shown, state, progress, newCell } = setUp();
    progress({ task: 'a', done: 1, total: 1 });
    state.cell = newCell();
    progress({ task: 'b', done: 1, total: 1 });
    assert.deepEqual(
      shown.map(({ update }) => update),
      [false, false],
    );
    assert.notEqual(shown[0]!.id, shown[1]!.id);
    assert.ok(!shown[1]!.text.includes('✓ a'));
  });

  it('goes to the terminal outside a kernel', () => {
    const heard: string[] = [];
    const progress = notebookProgress({ cell: () => undefined, otherwise: ({ task }) => heard.push(task) });
    progress({ task: 'a', done: 1, total: 1 });
    assert.deepEqual(heard, ['a']);
  });
});

describe('notebook/display: a slider', () => {
  it('says what is wrong', () => {
    assert.throws(() => slider({ min: 1, max: 1 }), /min < max, got 1 and 1/);
    assert.throws(() => slider({ min: 0, max: 1, value: 2 }), /must be in \[0, 1\], got 2/);
    assert.throws(() => slider({ min: 0, max: 1 }), /needs a notebook/);
  });
});
