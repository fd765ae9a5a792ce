import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('../../scripts/stages.ts', import.meta.url));

describe('scripts/stages', () => {
  const stages = async (...args: string[]): Promise<string> =>
    (
      await promisify(execFile)(
        process.execPath,
        ['--conditions=oabn-source', '--import', 'tsx', script, ...args],
        { env: { ...process.env, OABN_DATA_DIR: '/nowhere' } },
      )
    ).stdout;

  it('computes the named stages of the named networks, and says each result', async () => {
    const runs = join(await mkdtemp(join(tmpdir(), 'oabn-stages-')), 'runs');
    const networks = ['--pretraining', 'R² on the merged kernels', '--profile', 'smoke', '--runs', runs];
    assert.match(
      await stages('networks', 'ptq', ...networks),
      /\n[0-9a-f]{16} +\d+\.\d\d% {2}4-bit uniform PTQ \(min–max\), BN with range of the merged, λ=0\.05 seed 1\n/,
    );
    const again = await stages('networks', ...networks);
    assert.match(again, /^[0-9a-f]{16} +\d+\.\d\d% {2}train BN with range of the merged, λ=0\.05 seed 1\n$/);
  });

  it('names what it knows where something else is asked for', async () => {
    await assert.rejects(stages('network'), /Name stages among networks, ptq, qat, got network/);
    await assert.rejects(stages('ptq', '--pretraining', 'BN'), /--pretraining knows .*KURE .*, not BN/);
  });
});
