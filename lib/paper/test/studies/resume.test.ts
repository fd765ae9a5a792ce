import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oabn, start } from '../../../oabn/test/cli/run.js';

const command = [
  'train',
  '--profile',
  'smoke',
  '--data',
  'made',
  '--threshold',
  '0.5',
  '--epochs',
  '8',
  '--json',
];

async function onlyRun(runs: string): Promise<string> {
  const [run, ...others] = (await readdir(runs)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  assert.deepEqual(others, []);
  return join(runs, run!);
}

/** Waits until a run has a checkpoint of `epoch` epochs (10 steps each) or a later one. */
async function reached(runs: string, epoch: number): Promise<void> {
  for (;;) {
    const folders = await readdir(runs).catch(() => []);
    const files = await Promise.all(folders.map((name) => readdir(join(runs, name)).catch(() => [])));
    const steps = files.flat().map((name) => Number(/^checkpoint-(\d+)\.safetensors$/.exec(name)?.[1] ?? 0));
    if (Math.max(0, ...steps) >= 10 * epoch) return;
    await sleep(5);
  }
}

describe('experiment: a killed run', () => {
  it('goes on from its last checkpoint and ends with the same bits as an uninterrupted one', async function () {
    this.timeout(240_000);
    const [whole, killed] = await Promise.all(
      ['whole', 'killed'].map((name) => mkdtemp(join(tmpdir(), `oabn-${name}-`))),
    );
    const expected = await oabn([...command, '--runs', whole!]);
    assert.equal(expected.code, 0, expected.stderr);

    let lives = 1;
    for (const epoch of [1, 3]) {
      const child = start([...command, '--runs', killed!]);
      await reached(killed!, epoch);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.on('close', resolve));
      // One may end before its death, if this process has to wait for its turn.
      lives += Number(child.signalCode === 'SIGKILL');
    }
    const resumed = await oabn([...command, '--runs', killed!]);
    assert.equal(resumed.code, 0, resumed.stderr);

    const [a, b] = await Promise.all([onlyRun(whole!), onlyRun(killed!)]);
    assert.equal(JSON.parse(resumed.stdout).accuracy, JSON.parse(expected.stdout).accuracy);
    for (const file of ['network.safetensors', 'metrics.jsonl']) {
      const [left, right] = await Promise.all([readFile(join(a, file)), readFile(join(b, file))]);
      assert.ok(left.equals(right), `${file} differs`);
    }
    const { provenance } = JSON.parse(await readFile(join(b, 'result.json'), 'utf8'));
    assert.equal(provenance.sessions, lives);
  });

  it('ends with 130 and a word on how to go on when it is interrupted', async function () {
    this.timeout(120_000);
    const runs = await mkdtemp(join(tmpdir(), 'oabn-interrupted-'));
    const child = start([...command, '--epochs', '400', '--runs', runs]);
    let said = '';
    child.stderr!.on('data', (chunk) => (said += chunk));
    await reached(runs, 1);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 130, said);
    assert.match(said, /interrupted; training that is run again continues from its last checkpoint/);
  });
});
