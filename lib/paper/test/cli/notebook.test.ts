/** `oabn notebook run`: several notebooks at once, and one page of them. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { addNotebook } from '../../src/cli/notebook.js';

describe('cli: oabn notebook run', function () {
  this.timeout(180_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-notebooks-'));
    const write = (name: string, ...cells: object[]): Promise<void> =>
      writeFile(join(folder, name), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    const text = (source: string): object => ({ cell_type: 'markdown', id: 'a', metadata: {}, source });
    const code = { cell_type: 'code', id: 'b', metadata: { tags: ['parameters'] }, outputs: [], execution_count: null }; // prettier-ignore
    await write('first.ipynb', text('# The first'), { ...code, source: 'let s = 1;' }, { ...code, id: 'c', metadata: {}, source: '6 * 7 * s' }); // prettier-ignore
    await write('second.ipynb', text('# The second'));
  });
  after(() => rm(folder, { recursive: true }));

  it('writes all notebooks on one page if it is named like a page, and their outputs into a folder', async () => {
    const program = new Command().exitOverride();
    addNotebook(program);
    const [page, outputs] = [join(folder, 'all.html'), join(folder, 'executed')];
    const files = ['first.ipynb', 'second.ipynb'].map((name) => join(folder, name));
    const printed: string[] = [];
    const { write } = process.stdout;
    process.stdout.write = ((text: string) => printed.push(text)) as never;
    try {
      await program.parseAsync(['notebook', 'run', ...files, '--html', page, '--output', outputs, '--json'], { from: 'user' }); // prettier-ignore
    } finally {
      process.stdout.write = write;
    }
    const results = JSON.parse(printed.join('')) as { ok: boolean; html: string; codeCells: number }[];
    assert.deepEqual(
      results.map(({ ok, html, codeCells }) => [ok, html, codeCells]),
      [[true, page, 2], [true, page, 0]], // prettier-ignore
    );
    const html = await readFile(page, 'utf8');
    assert.match(html, /<h1[^>]*>.*The first[^]*<h1[^>]*>.*The second/);
    assert.match(html, />42</);
    assert.deepEqual((await readdir(folder)).sort(), ['all.html', 'executed', 'first.ipynb', 'second.ipynb']);
    assert.deepEqual(await readdir(outputs), ['first.ipynb', 'second.ipynb']);
  });
});
