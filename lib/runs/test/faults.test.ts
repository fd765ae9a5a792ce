import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskError } from 'oabn-base';
import { isMachineFault } from '../src/faults.js';
import { openStore } from '../src/store/index.js';

const coded = (code: string): Error => Object.assign(new Error(`${code}: no`), { code });
const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );

describe('whose fault an error is', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'oabn-faults-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is the machine’s where a disk or the system is exhausted, whoever notices it', () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE', 'ENOMEM']) {
      assert.ok(isMachineFault(coded(code)), code);
      assert.ok(isMachineFault(new Error('wrapped', { cause: diskError('/file', coded(code)) })), code);
    }
    assert.ok(!isMachineFault(coded('ENOENT')));
    assert.ok(!isMachineFault('ENOSPC'));
  });

  it('is the run’s where something else than the store refuses it', () => {
    for (const code of ['EACCES', 'EPERM', 'ENOTDIR', 'EBUSY', 'EAGAIN']) {
      assert.ok(!isMachineFault(coded(code)), code);
      assert.ok(!isMachineFault(new Error('wrapped', { cause: diskError('/file', coded(code)) })), code);
    }
  });

  it('is the run’s where it starts a file that is no program', async () => {
    const script = join(folder, 'script');
    await writeFile(script, '', { mode: 0o644 });
    const store = openStore(join(folder, 'runs'), { notice: () => undefined });
    const error = await reasonOf(
      store.request({ toy: 'script' }, async () => {
        throw spawnSync(script).error!;
      }),
    );
    assert.equal((error as NodeJS.ErrnoException).code, 'EACCES');
    assert.ok(!isMachineFault(error));
  });

  it('is the machine’s where the store cannot be written to', async () => {
    await writeFile(join(folder, 'file'), '');
    const store = openStore(join(folder, 'file', 'runs'), { notice: () => undefined });
    const error = await reasonOf(store.request({ toy: 'nowhere' }, async () => 1));
    assert.match((error as Error).message, /ENOTDIR/);
    assert.ok(isMachineFault(error));
    assert.ok(isMachineFault(new Error('wrapped', { cause: error })));
  });
});
