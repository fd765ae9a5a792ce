import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oabn } from '../../../oabn/test/cli/run.js';

describe('oabn compute', () => {
  it('computes the named stages of the named networks, and prints each result', async () => {
    const runs = join(await mkdtemp(join(tmpdir(), 'oabn-compute-')), 'runs');
    const networks = ['--profile', 'smoke', '--runs', runs, '--pretraining', 'R² on the merged kernels'];
    const first = await oabn(['compute', 'ptq', 'networks', ...networks]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stdout,
      /^[0-9a-f]{16} +\d+\.\d\d% {2}train BN with decay of the kernels and range of the merged, λ=0\.05 seed 1\n[0-9a-f]{16} +\d+\.\d\d% {2}8-bit uniform PTQ/,
    );
    assert.match(first.stderr, /\[networks 1\/1\] train[^]*\[ptq 2\/2\] /);
    const again = await oabn(['compute', 'networks', ...networks, '--json']);
    assert.doesNotMatch(again.stderr, /\[networks/);
    const rows = JSON.parse(again.stdout) as { hash: string; accuracy: number }[];
    assert.ok(rows.length === 1 && first.stdout.startsWith(rows[0]!.hash));
  });

  it('names what it knows where something else is asked for', async () => {
    const refusal = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await oabn(['compute', ...args]);
      assert.equal(code, 2);
      return stderr;
    };
    assert.match(await refusal('network'), /Stages are networks, ptq, qat, got network/);
    assert.match(
      await refusal('ptq', '--pretraining', 'BN'),
      /--pretraining must be among .*; KURE .*, got BN/,
    );
    assert.match(
      await refusal('ptq', '--profile', 'smoke', '--seeds', '1,x'),
      /--seeds must be a whole number/,
    );
  });
});
