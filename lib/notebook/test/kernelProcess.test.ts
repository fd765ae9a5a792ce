import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKernelSession } from '../src/run/session.js';

describe('run/session', () => {
  const { TMPDIR } = process.env;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-session-'));
    process.env.TMPDIR = folder;
  });
  afterEach(async () => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    await rm(folder, { recursive: true });
  });

  it('leaves no connection file where the kernel cannot be started', async () => {
    await assert.rejects(startKernelSession({ folder: join(folder, 'nowhere') }), /nowhere does not exist/);
    assert.deepEqual(await readdir(folder), []);
  });

  it('leaves no kernel and no connection file where ZeroMQ cannot be loaded', async () => {
    const hook =
      "export const resolve = (name, context, next) => { if (name === 'zeromq') throw new Error('no ZeroMQ'); return next(name, context); }";
    const code = `import { register } from 'node:module';
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
      const { startKernelSession } = await import(${JSON.stringify(new URL('../src/run/session.ts', import.meta.url).href)});
      const command = (file) => [process.execPath, '--eval', 'setTimeout(() => {}, 90_000)', file];
      await startKernelSession({ command }).catch(({ message }) => console.log(message));`;
    const args = ['--conditions=oabn-source', '--import', 'tsx', '--input-type=module', '--eval', code];
    // It waits for its kernel, so that it ends at all only if that does.
    const said = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    assert.equal(said.trim(), 'no ZeroMQ');
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('oabn-kernel')),
      [],
    );
  });
});
