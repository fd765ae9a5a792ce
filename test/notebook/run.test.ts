import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProgressEvent } from '../../lib/src/base/index.js';
import { type CellEvent, type NotebookRun, readNotebook, runNotebook } from '../../lib/src/notebook/index.js';

const fixtures = new URL('fixtures/', import.meta.url).pathname;

describe('notebook/run', function () {
  this.timeout(90_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-run-'));
    for (const name of ['tour.ipynb', 'failing.ipynb'])
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

    it('gives the same file when it runs again', async () => {
      const before = await readFile(join(folder, 'tour.ipynb'), 'utf8');
      await runNotebook(join(folder, 'tour.ipynb'));
      assert.equal(await readFile(join(folder, 'tour.ipynb'), 'utf8'), before);
    });

    it('exports a page', async () => {
      const page = await readFile(result.html!, 'utf8');
      assert.equal(result.html, join(folder, 'pages', 'tour.html'));
      assert.match(page, /<b>third<\/b>/);
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

    it('keeps what was done before, marks the error, and leaves the rest empty', async () => {
      const outputs = await outputsOf('failing.ipynb');
      assert.deepEqual(outputs[1], [{ output_type: 'stream', name: 'stdout', text: 'before\n' }]);
      assert.deepEqual(
        outputs[2]!.map(({ output_type }) => output_type),
        ['stream', 'error'],
      );
      assert.deepEqual(outputs[3], []);
    });
  });

  it('leaves the file alone with write: false', async () => {
    const path = join(fixtures, 'ill-typed.ipynb');
    const before = await readFile(path, 'utf8');
    const result = await runNotebook(path, { write: false });
    assert.match(result.failure!.error, /TypeScript: Type 'string' is not assignable to type 'number'/);
    assert.equal(await readFile(path, 'utf8'), before);
  });
});
