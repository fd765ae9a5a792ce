import assert from 'node:assert/strict';
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
});
