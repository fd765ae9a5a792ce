/** A kernel's process ends when it should, whatever it is doing, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Execution, startKernelSession } from '../../src/run/index.js';

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

  const onPosix = process.platform === 'win32' ? it.skip : it;
  /** The number that a cell ends with. */
  const numberOf = ({ outputs }: Execution): number =>
    Number(outputs.map((output) => ('data' in output ? output.data['text/plain'] : NaN)).at(-1));

  onPosix('ends with the programs that cells have started, but not with detached ones', async () => {
    const session = await startKernelSession({ folder, env });
    const start = (options: string): Promise<number> =>
      session.execute(`require('node:child_process').spawn('sleep', ['600'], ${options}).pid`).then(numberOf);
    const [own, detached] = [await start('{}'), await start('{ detached: true }')];
    await session.channels.request('shutdown_request', { restart: true }, 'control');
    assert.ok(await gone(session.pid, 60));
    assert.ok(await gone(own, 60), `the program ${own} is still there`);
    assert.ok(alive(detached));
    process.kill(detached);
  });

  onPosix('survives the interrupt of a program for which a cell waits', async () => {
    const session = await startKernelSession({ folder, env });
    const controller = new AbortController();
    const { status, reason } = await session.execute(
      "const kept = 1; console.log('in'); require('node:child_process').execSync('sleep 600; sleep 600');",
      { signal: controller.signal, onOutput: () => controller.abort() },
    );
    assert.equal(status, 'interrupted', reason);
    assert.equal(numberOf(await session.execute('kept + 1')), 2);
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
