/** A kernel's process ends when it should, whatever it is doing, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startKernelSession } from '../../src/run/index.js';

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const gone = async (pid: number, seconds: number): Promise<boolean> => {
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; await sleep(100))
    if (!alive(pid)) return true;
  return false;
};

const env = { JUPYTER_KERNEL_HISTORY: '0' };

describe('kernel: lifetime', function () {
  this.timeout(240_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernel-lifetime-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('ends when told to, with an open timer and a server', async () => {
    const session = await startKernelSession({ folder, env });
    await session.execute('setInterval(() => {}, 1000); require("node:http").createServer().listen(0);');
    const { content } = await session.channels.request('shutdown_request', { restart: true }, 'control');
    assert.deepEqual(content, { status: 'ok', restart: true });
    assert.ok(await gone(session.pid, 60));
  });

  it('ends when told to in the middle of a loop', async () => {
    const session = await startKernelSession({ folder, env });
    let printed!: () => void;
    const looping = new Promise<void>((resolve) => (printed = resolve));
    void session.execute('console.log("in"); for (;;);', { onOutput: printed });
    await looping;
    await sleep(200);
    const { content } = await session.channels.request('shutdown_request', { restart: false }, 'control');
    assert.equal(content.status, 'ok');
    assert.ok(await gone(session.pid, 60));
    await session.close();
  });

  it('ends in the middle of a loop when the program that started it is killed', async () => {
    const client = spawn(
      process.execPath,
      [
        '--conditions=oabn-source',
        '--import',
        'tsx',
        fileURLToPath(new URL('busyClient.ts', import.meta.url)),
        folder,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } },
    );
    const [chunk] = (await once(client.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    assert.ok(alive(pid));
    await sleep(1000);
    client.kill('SIGKILL');
    assert.ok(await gone(pid, 60), `the kernel ${pid} is still there`);
  });
});
