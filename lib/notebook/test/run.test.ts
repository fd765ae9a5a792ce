import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProgressEvent, UserError } from 'oabn-base';
import { isCode, parseNotebook } from '../src/run/notebookFile.js';
import {
  type Cell,
  type CellEvent,
  executeNotebook,
  type NotebookRun,
  type Output,
  type Parameters,
  readNotebook,
  parseParameter,
  runNotebook,
  withParameters,
} from '../src/run/index.js';

const fixtures = new URL('fixtures/', import.meta.url).pathname;

describe('notebook/run', function () {
  this.timeout(180_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-run-'));
    for (const name of ['tour.ipynb', 'failing.ipynb', 'figures.ipynb'])
      await copyFile(join(fixtures, name), join(folder, name));
  });
  after(() => rm(folder, { recursive: true }));

  const outputsOf = async (name: string) =>
    (await readNotebook(join(folder, name))).cells.map((cell) =>
      cell.cell_type === 'code' ? cell.outputs : [],
    );

  describe('of a notebook that works', () => {
    let result: NotebookRun;
    const events: CellEvent[] = [];
    const progress: ProgressEvent[] = [];
    before(async () => {
      result = await runNotebook(join(folder, 'tour.ipynb'), {
        html: join(folder, 'pages'),
        onCell: (event) => events.push(event),
        progress: (event) => progress.push(event),
      });
    });

    it('runs every code cell in order and says so', () => {
      assert.deepEqual([result.ok, result.cellsDone, result.codeCells], [true, 4, 4]);
      assert.deepEqual(
        events.map(({ kind, cell }) => [kind, cell]),
        [3, 4, 6, 7].flatMap((cell) => [
          ['started', cell],
          ['finished', cell],
        ]),
      );
      assert.deepEqual(
        progress.map(({ done }) => done),
        [0, 0, 1, 2, 3, 4],
      );
      assert.match(result.summary, /4 code cells/);
    });

    it('writes outputs and counts back, in the order in which they came', async () => {
      const { cells } = await readNotebook(join(folder, 'tour.ipynb'));
      assert.deepEqual(
        cells.map((cell) => (cell.cell_type === 'code' ? cell.execution_count : null)),
        [null, null, 1, 2, null, 3, 4],
      );
      const outputs = await outputsOf('tour.ipynb');
      assert.deepEqual(
        outputs[2]!.map((output) => (output.output_type === 'stream' ? [output.name, output.text] : [])),
        [
          ['stdout', 'one\ntwo\n'],
          ['stderr', '\u001b[31mred\u001b[0m on stderr\n'],
          ['stdout', 'three\n'],
        ],
      );
    });

    it('keeps a display in its place and updates it from a later cell', async () => {
      const [display, text] = (await outputsOf('tour.ipynb'))[5]!;
      assert.deepEqual(display, {
        output_type: 'display_data',
        data: { 'text/html': '<b>third</b>' },
        metadata: {},
      });
      assert.deepEqual(text, { output_type: 'stream', name: 'stdout', text: 'between\n' });
    });

    it('exports a page', async () => {
      const page = await readFile(result.html!, 'utf8');
      assert.equal(result.html, join(folder, 'pages', 'tour.html'));
      assert.match(page, /<b>third<\/b>/);
    });
  });

  describe('of a notebook with figures', () => {
    const path = (): string => join(folder, 'figures.ipynb');
    const progress: ProgressEvent[] = [];
    let result: NotebookRun;
    before(async () => {
      result = await runNotebook(path(), { html: folder, progress: (event) => progress.push(event) });
    });

    it('saves each figure as Plotly JSON and a picture, and no script, bundle or bar', async () => {
      assert.equal(result.ok, true, result.summary);
      const [, bar, figures, table] = await outputsOf('figures.ipynb');
      const types = (outputs: readonly Output[]) =>
        outputs.map((output) => ('data' in output ? Object.keys(output.data).sort() : output.output_type));
      const figure = ['application/vnd.plotly.v1+json', 'image/png', 'text/plain'];
      assert.deepEqual(types(bar!), []);
      assert.deepEqual(types(figures!), [figure, figure]);
      assert.deepEqual(types(table!), [['text/html', 'text/plain']]);
      assert.deepEqual((figures![0] as { metadata: unknown }).metadata, {
        'image/png': { width: 820, height: 460 },
      });
      assert.ok((await stat(path())).size < 100_000);
    });

    it('relays the bar of a cell', () => {
      const task = 'figures · train';
      const last = progress.filter((event) => event.task === task).at(-1);
      assert.deepEqual(last, { task, done: 3, total: 3, fields: { loss: 0.25 } });
    });

    it('puts Plotly on the page once', async () => {
      const page = await readFile(result.html!, 'utf8');
      assert.equal(page.split('data-oabn-plotly').length - 1, 1);
      assert.equal(page.split('<figure class="plot">').length - 1, 2);
    });

    it('gives the same file when it runs again', async () => {
      const before = await readFile(path(), 'utf8');
      await runNotebook(path());
      assert.equal(await readFile(path(), 'utf8'), before);
    });
  });

  describe('of a notebook with a failing cell', () => {
    let result: NotebookRun;
    before(async () => {
      result = await runNotebook(join(folder, 'failing.ipynb'));
    });

    it('names the cell and shows source and error', () => {
      assert.equal(result.ok, false);
      assert.deepEqual([result.cellsDone, result.failure?.cell, result.failure?.status], [1, 3, 'error']);
      assert.equal(result.failure?.error, 'RangeError: the answer must be 42, got 41');
      assert.match(
        result.summary,
        /cell 3 failed \(1 of 3 code cells done\): RangeError: the answer must be 42, got 41/,
      );
      assert.match(result.summary, /\| const answer: number = 41;/);
      assert.doesNotMatch(result.failure!.traceback, /tslab|node:/, 'the kernel’s own frames are left out');
    });

    it('keeps what was done before, and marks the error', async () => {
      const outputs = await outputsOf('failing.ipynb');
      assert.deepEqual(outputs[1], [{ output_type: 'stream', name: 'stdout', text: 'before\n' }]);
      assert.deepEqual(
        outputs[2]!.map(({ output_type }) => output_type),
        ['stream', 'error'],
      );
      assert.deepEqual(outputs[3], []);
    });
  });

  describe('of a notebook that stops half-way, with outputs of an earlier run', () => {
    const path = (): string => join(folder, 'earlier.ipynb');
    const code = (id: string, source: string) => ({
      cell_type: 'code',
      id,
      metadata: {},
      source,
      execution_count: 7,
      outputs: [{ output_type: 'stream', name: 'stdout', text: `earlier ${id}\n` }],
    });
    const writeEarlier = (second: string): Promise<void> => {
      const text = { cell_type: 'markdown', id: 'text', metadata: {}, source: 'Text' };
      const cells = [code('first', 'console.log("new")'), code('second', second), text, code('third', '3')];
      return writeFile(path(), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    };
    const textsOf = (cells: readonly Cell[]) =>
      cells
        .filter(isCode)
        .map(({ execution_count: count, outputs }) => [
          count,
          ...outputs.map((output) => ('text' in output ? output.text : output.output_type)),
        ]);

    it('keeps the outputs of the cells that were not reached, in the file alone', async () => {
      await writeEarlier('throw new Error("no")');
      const run = await runNotebook(path());
      const ran = [
        [1, 'new\n'],
        [2, 'error'],
      ];
      assert.deepEqual(textsOf((await readNotebook(path())).cells), [...ran, [7, 'earlier third\n']]);
      assert.deepEqual(textsOf(run.notebook.cells), [...ran, [null]]);
      assert.match(run.summary, /\n {2}From cell 4 on, the file keeps the outputs that it had\.$/);
      const output = join(folder, 'other.ipynb');
      const elsewhere = await runNotebook(path(), { output });
      assert.deepEqual(textsOf((await readNotebook(output)).cells), [...ran, [null]]);
      assert.doesNotMatch(elsewhere.summary, /keeps the outputs/);
    });

    it('has written the new outputs before the next cell begins, whatever ends the run', async () => {
      await writeEarlier('process.kill(process.pid, "SIGKILL"); await new Promise(() => undefined)');
      const seen: unknown[] = [];
      const onCell = ({ kind, cell }: CellEvent): void => {
        if (kind === 'started' && cell === 2)
          seen.push(textsOf(parseNotebook(readFileSync(path(), 'utf8')).cells));
      };
      const run = await runNotebook(path(), { onCell });
      const [first, third] = [
        [1, 'new\n'],
        [7, 'earlier third\n'],
      ];
      assert.deepEqual(seen, [[first, [7, 'earlier second\n'], third]]);
      assert.equal(run.failure?.status, 'died');
      assert.deepEqual(textsOf((await readNotebook(path())).cells), [first, [2, 'error'], third]);
    });

    it('stops at the cell that runs when it is interrupted', async () => {
      const say = 'console.log("half"); require("fs").writeFileSync("half", "");';
      await writeEarlier(`${say} await new Promise(() => undefined)`);
      const stop = new AbortController();
      const running = runNotebook(path(), { signal: stop.signal });
      while (!existsSync(join(folder, 'half'))) await sleep(50);
      stop.abort();
      const run = await running;
      assert.deepEqual([run.failure?.cell, run.failure?.status, run.cellsDone], [2, 'interrupted', 1]);
      const written = textsOf((await readNotebook(path())).cells);
      assert.deepEqual(written, [
        [1, 'new\n'],
        [2, 'half\n', 'error'],
        [7, 'earlier third\n'],
      ]);
    });

    it('leaves the file as it is when it is interrupted before the first cell', async () => {
      await writeEarlier('2');
      const before = await readFile(path(), 'utf8');
      const run = await runNotebook(path(), { signal: AbortSignal.abort() });
      assert.match(run.summary, /cell 1 was interrupted \(0 of 3 .* before this cell began/);
      assert.equal(await readFile(path(), 'utf8'), before);
    });
  });

  it('sets parameters, lets cells fail that may, skips what is to be skipped, and writes elsewhere', async () => {
    const path = join(folder, 'parameters.ipynb');
    const cell = (source: string, ...tags: string[]) => ({
      cell_type: 'code',
      id: `c${source.length}${tags.length}`,
      metadata: { tags },
      source,
      execution_count: null,
      outputs: [],
    });
    const cells = [
      cell('const s: number = 1;\nconst name = "none";', 'parameters'),
      cell('throw new Error("expected")', 'raises-exception'),
      cell('process.exit(1)', 'skip-execution'),
      cell('[s, name]'),
    ];
    await writeFile(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    const output = join(folder, 'written.ipynb');
    const before = await readFile(path, 'utf8');
    const parameters = Object.fromEntries(['s=0.25', 'name=resnet'].map(parseParameter));
    const run = await runNotebook(path, { output, parameters });
    assert.deepEqual([run.ok, run.cellsDone, run.codeCells], [true, 4, 4], run.summary);
    // With other values the cell that was put in is another one, in the same place.
    const again = withParameters(await readNotebook(output), { s: 2 }).cells;
    assert.deepEqual([again.length, again[1]!.source], [5, '// Parameters\nlet s: number = 2;']);
    assert.equal(await readFile(path, 'utf8'), before);
    const written = (await readNotebook(output)).cells;
    assert.deepEqual(
      written.map(({ metadata }) => (metadata.tags as string[])[0]),
      ['parameters', 'injected-parameters', 'raises-exception', 'skip-execution', undefined],
    );
    assert.equal(written[1]!.source, '// Parameters\nlet s: number = 0.25;\nlet name = "resnet";');
    const outputs = await outputsOf('written.ipynb');
    assert.equal(outputs[2]![0]!.output_type, 'error');
    assert.deepEqual((outputs[4]![0] as { data: object }).data, { 'text/plain': "[ 0.25, 'resnet' ]" });
    assert.throws(() => withParameters({ cells: [], metadata: {} }, { 'a b': 1 }), /named like a variable/);
    assert.throws(() => parseParameter('s'), /name=value/);
  });

  it('refuses a notebook in another language before anything is executed or written', async () => {
    const path = join(folder, 'language.ipynb');
    const cell = { cell_type: 'code', id: 'a', metadata: {}, outputs: [], execution_count: null };
    const cells = [{ ...cell, source: 'require("fs").writeFileSync("executed", "")' }];
    const write = (metadata: object): Promise<void> =>
      writeFile(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }));
    const python = { kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' } };
    const lastRun = { kernelspec: { name: 'x', display_name: 'X' }, language_info: { name: 'R' } };
    for (const metadata of [python, { ...python, language_info: { name: 'typescript' } }, lastRun]) {
      await write(metadata);
      const before = await readFile(path, 'utf8');
      await assert.rejects(runNotebook(path, { html: join(folder, 'none') }), (error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /language\.ipynb is a notebook in (?:python|R), and only TypeScript/);
        return true;
      });
      assert.equal(await readFile(path, 'utf8'), before);
      await assert.rejects(executeNotebook(await readNotebook(path)), UserError);
    }
    assert.ok(!existsSync(join(folder, 'executed')) && !existsSync(join(folder, 'none')));
    const chosen = {
      kernelspec: { name: 'jslab', language: 'javascript' },
      language_info: { name: 'python' },
    };
    for (const metadata of [chosen, { language_info: { name: 'TypeScript' } }, { kernelspec: null }]) {
      await write(metadata);
      assert.equal((await runNotebook(path, { signal: AbortSignal.abort() })).failure?.status, 'interrupted');
    }
  });

  it('names parameters that the tagged cell does not declare, and no others, once', async () => {
    const path = join(folder, 'misspelt.ipynb');
    const cell = (id: string, source: string, ...tags: string[]) =>
      ({ cell_type: 'code', id, metadata: { tags }, source, execution_count: null, outputs: [] }); // prettier-ignore
    const notices = async (tags: string[], parameters: Parameters): Promise<string> => {
      const source = '// rat: how fast\nlet rate = 1, steps = 2;\nconst { mode } = { mode: "a" };';
      const cells = [cell('a', source, ...tags)];
      await writeFile(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
      const { write } = process.stderr;
      let said = '';
      process.stderr.write = ((text: string) => (said += text)) as never;
      try {
        await runNotebook(path, { parameters, signal: AbortSignal.abort() });
      } finally {
        process.stderr.write = write;
      }
      return said;
    };
    assert.equal(await notices(['parameters'], { rate: 2, steps: 3, mode: 'b' }), '');
    assert.equal(await notices([], { rat: 2 }), '');
    assert.equal(
      await notices(['parameters'], { rat: 2, steps: 3, x: 1 }),
      'misspelt: the cell tagged «parameters» does not declare rat, x\n',
    );
  });

  it('leaves the file alone with write: false', async () => {
    const path = join(folder, 'text.ipynb');
    const text = '{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[]}';
    await writeFile(path, text);
    assert.equal((await runNotebook(path, { write: false })).ok, true);
    assert.equal(await readFile(path, 'utf8'), text);
  });
});
