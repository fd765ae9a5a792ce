import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installKernel, jupyterDataFolder, kernelStatus, uninstallKernel } from '../../src/kernel/index.js';

describe('notebook/kernelspec', () => {
  it('finds the data folder of every system, by the rules of jupyter_core', () => {
    const folder = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform) =>
      jupyterDataFolder(env, platform, '/home/a');
    assert.equal(folder({}, 'linux'), '/home/a/.local/share/jupyter');
    assert.equal(folder({ XDG_DATA_HOME: '/xdg' }, 'linux'), '/xdg/jupyter');
    assert.equal(folder({}, 'darwin'), '/home/a/Library/Jupyter');
    assert.equal(
      folder({ JUPYTER_PLATFORM_DIRS: '1' }, 'darwin'),
      '/home/a/Library/Application Support/Jupyter',
    );
    assert.equal(folder({ APPDATA: '/roaming' }, 'win32'), '/roaming/jupyter');
    assert.equal(folder({ JUPYTER_DATA_DIR: '/data', XDG_DATA_HOME: '/xdg' }, 'linux'), '/data');
  });

  it('installs, notices what is out of date, and uninstalls', async () => {
    const prefix = await mkdtemp(join(tmpdir(), 'oabn-kernelspec-'));
    try {
      assert.equal((await kernelStatus({ prefix })).state, 'missing');
      const { state, folder } = await installKernel({ prefix, env: { OABN_BACKEND: 'wasm' } });
      assert.equal(state, 'installed');
      assert.equal(folder, join(prefix, 'share', 'jupyter', 'kernels', 'oabn'));

      const path = join(folder, 'kernel.json');
      const spec = JSON.parse(await readFile(path, 'utf8'));
      assert.equal(spec.display_name, 'TypeScript (oabn)');
      assert.deepEqual(spec.env, { OABN_BACKEND: 'wasm' });
      assert.equal(spec.argv[0], process.execPath);
      assert.equal(spec.argv.at(-1), '{connection_file}');

      await writeFile(path, JSON.stringify({ ...spec, argv: ['/gone/node', ...spec.argv.slice(1)] }));
      const outdated = await kernelStatus({ prefix });
      assert.equal(outdated.state, 'outdated');
      assert.match(outdated.summary, /\/gone\/node, which is gone; run «oabn kernel install --prefix/);

      assert.equal((await uninstallKernel({ prefix })).state, 'missing');
      assert.equal(existsSync(folder), false);
    } finally {
      await rm(prefix, { recursive: true });
    }
  });
});
