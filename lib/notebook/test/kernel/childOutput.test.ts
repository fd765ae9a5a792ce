/** What programs print that cells have started. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type KernelSession, startKernelSession } from '../../src/run/index.js';
import { streamText } from '../streamText.js';

describe('kernel: programs that inherit the outputs of a cell', function () {
  this.timeout(120_000);
  if (process.platform === 'win32') return;
  let folder: string;
  let session: KernelSession;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernel-children-'));
    session = await startKernelSession({ folder, env: { JUPYTER_KERNEL_HISTORY: '0' } });
    await session.execute(
      "import { execFileSync, execSync, fork, spawn, spawnSync } from 'node:child_process';",
    );
    await session.execute(
      "import { once } from 'node:events'; import { readdirSync, writeFileSync } from 'node:fs';",
    );
  });
  after(async () => {
    await session.close();
    await rm(folder, { recursive: true });
  });

  /** What a cell prints, as `out:…` and `err:…` in order. */
  const printed = async (code: string): Promise<string[]> => {
    const { outputs, status } = await session.execute(code);
    assert.equal(status, 'ok', JSON.stringify(outputs));
    return outputs.map((output) =>
      output.output_type === 'stream' ? `${output.name.slice(3)}:${output.text}` : output.output_type,
    );
  };

  it('print between what the cell prints, to both outputs', async () => {
    const code = `console.log(1);
      execSync('echo 2; echo 3 >&2', { stdio: 'inherit' });
      console.log(4);
      spawnSync('echo', ['5'], { stdio: ['ignore', 'inherit', 'inherit'] });
      console.error(6);
      execFileSync('sh', ['-c', 'echo 7 > /dev/stderr; echo 8 >&1'], { stdio: ['pipe', 2, process.stderr] });
      console.log(9);`;
    assert.deepEqual(await printed(code), [
      ...['out:1\n2\n', 'err:3\n', 'out:4\n5\n', 'err:6\n7\n8\n', 'out:9\n'],
    ]);
  });

  it('print all that they have to say before the cell hears of their end', async () => {
    const code = `const child = spawn('sh', ['-c', 'echo a; seq 1 100000; printf "é"; sleep 0.1; echo b'], { stdio: 'inherit' });
      child.on('exit', () => console.log('exit'));
      await once(child, 'close');
      console.log('close');`;
    const [text, ...others] = await printed(code);
    assert.deepEqual(others, []);
    const lines = text!.split('\n');
    assert.deepEqual([lines[0], lines.length], ['out:a', 100_005]);
    assert.deepEqual(lines.slice(-5), ['100000', 'éb', 'exit', 'close', '']);
    const most = 'seq 1 1000000';
    const { outputs } = await session.execute(`execSync('${most}', { stdio: 'inherit' });`);
    assert.equal(streamText(outputs, 'stdout').length, 6_888_896);
  });

  for (const [way, start] of [
    ['awaits', "await once(spawn('sh', args, { stdio: 'inherit' }), 'close');"],
    ['blocks', "spawnSync('sh', args, { stdio: 'inherit' });"],
  ])
    it(`print while they run, where the cell ${way}`, async () => {
      const reached = join(folder, `reached-${way}`);
      const script = `echo begun; while [ ! -e ${reached} ]; do sleep 0.02; done; echo done`;
      let text = '';
      const { status, outputs } = await session.execute(`const args = ['-c', '${script}']; ${start}`, {
        timeout: 20,
        onOutput({ content }) {
          text += String(content.text ?? '');
          if (text === 'begun\n') writeFileSync(reached, '');
        },
      });
      assert.deepEqual([status, text], ['ok', 'begun\ndone\n'], JSON.stringify(outputs));
    });

  it('print to the cell that started them when they outlive it', async () => {
    const late = await session.execute(
      `spawn('sh', ['-c', 'echo early; while [ ! -e go ]; do sleep 0.02; done; echo late'], { stdio: 'inherit' });
      setTimeout(() => spawn('echo', ['later'], { stdio: 'inherit' }), 300);`,
    );
    const lines = (): string[] => streamText(late.outputs, 'stdout').split('\n');
    const next = await session.execute("writeFileSync('go', '');");
    for (let tries = 0; tries < 200 && lines().length < 4; tries++) await delay(50);
    assert.deepEqual(next.outputs, []);
    assert.deepEqual(lines().sort(), ['', 'early', 'late', 'later']);
  });

  it('may be scripts of Node, and leave programs behind them that keep the outputs open', async () => {
    assert.deepEqual(
      await printed(`writeFileSync('child.cjs', 'console.log("from a fork")');
        await once(fork('child.cjs'), 'close');
        execSync('sleep 30 & echo started', { stdio: 'inherit' });
        console.log('not waited for');`),
      ['out:from a fork\nstarted\nnot waited for\n'],
    );
  });

  it('leave no descriptors open', async () => {
    const { outputs } = await session.execute(
      `const descriptors = (): number => new Set(readdirSync('/proc/self/fd')).size;
      const before = descriptors();
      for (let i = 0; i < 20; i++) execSync('true', { stdio: 'inherit' });
      descriptors() - before`,
    );
    // The two ends of the cell's two pipes.
    if (process.platform === 'linux') assert.match(JSON.stringify(outputs), /"text\/plain":"4"/);
    const left = await session.execute(
      'await new Promise((end) => setTimeout(end, 100)); descriptors() - before',
    );
    if (process.platform === 'linux') assert.match(JSON.stringify(left.outputs), /"text\/plain":"0"/);
  });
});
