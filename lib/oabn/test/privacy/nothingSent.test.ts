import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

const child = fileURLToPath(new URL('child.mts', import.meta.url));
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const execute = promisify(execFile);

/** Every address is this machine's, so that whatever is sent passes the loopback device, which counts it. */
const sink = 'ip link set lo up && ip route add local 0.0.0.0/0 dev lo';
const counted = 'cat /proc/net/dev';
const ownNetwork = (script: string): string[] => ['--net', '--map-root-user', 'sh', '-ec', script];
const canIsolate = spawnSync('unshare', ownNetwork(sink), { stdio: 'ignore' }).status === 0;

describe('privacy', () => {
  it('sends no packet and leaves no file outside its folder when it trains', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-privacy-'));
    const home = join(folder, 'home');
    await mkdir(home);
    const env = { ...process.env, HOME: home, USERPROFILE: home, OABN_RUNS_DIR: join(folder, 'runs') };
    for (const name of ['ORT_DISABLE_TELEMETRY', 'XDG_CACHE_HOME', 'OABN_EAGER', 'OABN_DATA_DIR'])
      Reflect.deleteProperty(env, name);
    const program = [process.execPath, '--conditions=oabn-source', '--import', 'tsx', child];
    const script = `${sink} && "$@" && ${counted}`;
    const { stdout } = canIsolate
      ? await execute('unshare', [...ownNetwork(script), '--', ...program], { env, cwd: root })
      : await execute(program[0]!, program.slice(1), { env, cwd: root });
    assert.match(stdout, /"engine":"(onnxruntime|eager)"/);
    const left = await readdir(home, { recursive: true });
    assert.deepEqual(left, [], 'files in the home folder');
    // Of a loopback device: bytes and packets received, …, bytes and packets sent.
    const packets = /lo:\s+\d+\s+(\d+)/.exec(stdout)?.[1];
    if (canIsolate) assert.equal(packets, '0', 'packets');
  });

  it('does not load onnxruntime in a worker thread that cannot switch its reports off', async () => {
    const script = `
      const { importOnnxRuntime } = await import('./lib/tensor/dist/engines/index.js');
      const { parentPort } = await import('node:worker_threads');
      parentPort.postMessage(await importOnnxRuntime().then(() => 'loaded', (error) => error.message));`;
    const ask = (env: NodeJS.ProcessEnv): Promise<string> =>
      new Promise((resolve, reject) => {
        const source = `(async () => {${script}})()`;
        const worker = new Worker(source, { eval: true, env, execArgv: [] });
        worker.once('message', resolve).once('error', reject);
      });
    assert.match(await ask({}), /ORT_DISABLE_TELEMETRY=1 must be set/);
  });
});
