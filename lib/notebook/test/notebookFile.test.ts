import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random, UserError } from 'oabn-base';
import { mutateJson } from '../../base/test/mutate.js';
import { formatNotebook, parseNotebook, readNotebook, writeNotebook } from '../src/run/index.js';

const fixture = new URL('fixtures/tour.ipynb', import.meta.url).pathname;

describe('notebook/notebookFile', () => {
  it('writes a notebook as Jupyter does: what Python wrote comes out byte for byte', async () => {
    const text = await readFile(fixture, 'utf8');
    assert.equal(formatNotebook(parseNotebook(text)), text);
  });

  it('joins lines when it reads and splits them when it writes', () => {
    const cell = {
      cell_type: 'code',
      id: 'a',
      execution_count: 1,
      metadata: { execution: { 'iopub.execute_input': 'a time' }, tags: ['kept'] },
      source: ['let a;\n', 'a'],
      outputs: [
        { output_type: 'stream', name: 'stdout', text: ['x\n', 'y'] },
        {
          output_type: 'display_data',
          metadata: {},
          data: {
            'image/png': 'AB\nCD',
            'text/html': ['<b>\n', '</b>'],
            'application/json': { a: ['l\n', 'm'] },
          },
        },
      ],
    };
    const notebook = parseNotebook(
      JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] }),
    );
    const [read] = notebook.cells;
    assert.ok(read?.cell_type === 'code');
    assert.equal(read.source, 'let a;\na');
    assert.deepEqual(read.outputs[0], { output_type: 'stream', name: 'stdout', text: 'x\ny' });
    const [written] = (JSON.parse(formatNotebook(notebook)) as { cells: unknown[] }).cells;
    assert.deepEqual(written, { ...cell, metadata: { tags: ['kept'] } });
  });

  it('gives cells of older notebooks ids, the same each time', () => {
    const cells = [
      { cell_type: 'markdown', metadata: {}, source: 'a' },
      { cell_type: 'markdown', metadata: {}, source: 'a' },
    ];
    const text = JSON.stringify({ nbformat: 4, nbformat_minor: 2, metadata: {}, cells });
    const ids = parseNotebook(text).cells.map(({ id }) => id);
    assert.equal(new Set(ids).size, 2);
    assert.deepEqual(
      parseNotebook(text).cells.map(({ id }) => id),
      ids,
    );
  });

  it('says what is wrong with a file', async () => {
    await assert.rejects(
      readNotebook('/nowhere/a.ipynb'),
      (error) => error instanceof UserError && /ENOENT/.test(error.message),
    );
    assert.throws(() => parseNotebook('{', 'x.ipynb'), /x\.ipynb is not JSON/);
    assert.throws(() => parseNotebook('{"nbformat":3,"cells":[]}', 'x.ipynb'), /nbformat 3/);
    assert.throws(
      () => parseNotebook('{"nbformat":4,"cells":[{"cell_type":"heading"}]}'),
      /cells\[0\]\.cell_type must be one of "code", "markdown", "raw"/,
    );
  });

  it('does not touch a file that would stay the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-notebook-'));
    try {
      const path = join(folder, 'a.ipynb');
      await writeFile(path, await readFile(fixture));
      const before = await stat(path);
      await writeNotebook(path, await readNotebook(path));
      assert.equal((await stat(path)).ino, before.ino);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses what is no notebook by the member that is wrong, whatever it is', async () => {
    const origin = JSON.parse(await readFile(fixture, 'utf8')) as unknown;
    const counts = { read: 0, refused: 0 };
    for (let i = 0; i < 600; i++) {
      const text = JSON.stringify(mutateJson(origin, random(9, 'notebooks', i)));
      try {
        formatNotebook(parseNotebook(text, 'x.ipynb'));
        counts.read++;
      } catch (error) {
        assert.ok(error instanceof UserError, `notebook ${i}: ${(error as Error).stack}`);
        assert.match(error.message, /^x\.ipynb/);
        counts.refused++;
      }
    }
    for (const text of ['null', '3', '[]', '{"nbformat":4,"cells":[null]}', '{"nbformat":4,"cells":[{}]}'])
      assert.throws(() => parseNotebook(text, 'x.ipynb'), UserError);
    assert.ok(counts.read > 50 && counts.refused > 50, JSON.stringify(counts));
  });
});
