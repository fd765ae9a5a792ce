/** `oabn notebook run`: several notebooks at once, one page of them, and a signal that ends them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { addNotebook } from '../../src/cli/notebook.js';

/** Runs the command in this process. Resolves to what it prints. */
async function oabn(...args: string[]): Promise<string> {
  const program = new Command().exitOverride();
  addNotebook(program);
  const printed: string[] = [];
  const { write } = process.stdout;
  process.stdout.write = ((text: string) => printed.push(text)) as never;
  try {
    await program.parseAsync(args, { from: 'user' });
  } finally {
    process.stdout.write = write;
  }
  return printed.join('');
}

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
    const [page, outputs] = [join(folder, 'all.html'), join(folder, 'executed')];
    const files = ['first.ipynb', 'second.ipynb'].map((name) => join(folder, name));
    const printed = await oabn('notebook', 'run', ...files, '--html', page, '--output', outputs, '--json');
    const results = JSON.parse(printed) as { ok: boolean; html: string; codeCells: number }[];
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

  it('goes on after a notebook in another language, and leaves that as it is', async () => {
    const before = process.exitCode;
    const files = ['python.ipynb', 'second.ipynb'].map((name) => join(folder, name));
    const metadata = { kernelspec: { name: 'python3', language: 'python', display_name: 'Python 3' } };
    const text = JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells: [] });
    await writeFile(files[0]!, text);
    try {
      const results = JSON.parse(await oabn('notebook', 'run', ...files, '--json')) as { ok: boolean; summary: string }[]; // prettier-ignore
      assert.deepEqual(
        results.map(({ ok }) => ok),
        [false, true],
      );
      assert.match(results[0]!.summary, /python\.ipynb.*python/i);
      assert.equal(process.exitCode, 3);
      assert.equal(await readFile(files[0]!, 'utf8'), text);
      await assert.rejects(oabn('notebook', 'run', files[0]!), /python/i);
    } finally {
      process.exitCode = before;
      await rm(files[0]!);
    }
  });

  it('ends all notebooks when a signal ends one, with its exit code and the cell', async () => {
    const before = process.exitCode;
    const [first, second, started] = ['stopped.ipynb', 'second.ipynb', 'started'].map((name) => join(folder, name)); // prettier-ignore
    const wait = "require('fs').writeFileSync('started', ''); await new Promise(() => undefined)";
    const cells = ['1', wait].map((source, i) => ({ cell_type: 'code', id: `c${i}`, metadata: {}, outputs: [], execution_count: null, source })); // prettier-ignore
    await writeFile(first!, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    const running = oabn('notebook', 'run', first!, second!);
    while (!existsSync(started!)) await new Promise((resolve) => setTimeout(resolve, 50));
    process.emit('SIGTERM', 'SIGTERM'); // as Node does when the signal arrives
    try {
      const printed = await running;
      assert.match(printed, /stopped\.ipynb: cell 2 was interrupted \(1 of 2 code cells done\)/);
      assert.doesNotMatch(printed, /second\.ipynb/);
      assert.equal(process.exitCode, 143);
    } finally {
      process.exitCode = before;
    }
  });

  it('refuses a timeout that is no number', async () => {
    await assert.rejects(oabn('notebook', 'run', 'x.ipynb', '--timeout', 'soon'), /--timeout .* got soon/);
  });
});
