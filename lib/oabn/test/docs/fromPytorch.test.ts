import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);

/** The examples of one language on the page, joined to the program that they are. */
async function program(language: string): Promise<string> {
  const page = await readFile(here('../../docs/from-pytorch.md'), 'utf8');
  return [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))]
    .map(([, code]) => code)
    .join('\n');
}

describe('the page «From PyTorch»', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'oabn-page-'))));
  after(() => rm(folder, { recursive: true }));

  it('shows the program beside this test, which is checked as all code is', async () =>
    assert.equal(await program('ts'), await readFile(here('fromPytorch.ts'), 'utf8')));

  it('does what it says', async () => {
    const loader = pathToFileURL(here('../../../../node_modules/tsx/dist/esm/index.mjs')).href;
    const args = ['--conditions=oabn-source', '--import', loader, here('fromPytorch.ts')];
    const env = { ...process.env, OABN_BACKEND: 'wasm' };
    const { stdout } = await run(process.execPath, args, { cwd: folder, env });
    assert.match(stdout, /^wasm on /);
    assert.match(stdout, /\[ 8 \]/);
    const accuracies = [...stdout.matchAll(/^(?:minMax|best|clustered) ([\d.]+)$/gm)].map(([, a]) =>
      Number(a),
    );
    assert.ok(accuracies.length === 3 && accuracies.every((a) => a >= 0 && a <= 1), stdout);
    assert.match(stdout, /^\d+ bytes$/m);
  });

  it('has Python that runs, where OABN_TORCH_PYTHON names an interpreter with torch and timm', async function () {
    const python = process.env.OABN_TORCH_PYTHON;
    if (!python) this.skip();
    await writeFile(join(folder, 'page.py'), await program('python'));
    await run(python, ['page.py'], { cwd: folder });
  });
});
