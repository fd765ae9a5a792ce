/** The programs of the README's chapter on many machines, run as they stand there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { needs, redisProgram, startRedis } from './servers.js';

const here = fileURLToPath(new URL('.', import.meta.url));

describe('the README of the queue', function () {
  this.timeout(240_000);

  it('works as it says', async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    const text = await readFile(join(here, '..', '..', 'README.md'), 'utf8');
    const programs = [...text.matchAll(/```ts\n\/\/ (\w+\.ts)\n([^]*?)```/g)];
    assert.deepEqual(
      programs.map(([, name]) => name),
      ['executor.ts', 'worker.ts', 'plan.ts'],
    );
    const redis = await startRedis();
    // In this package, whose name the programs import.
    const folder = await mkdtemp(join(here, 'readme-'));
    try {
      for (const [, name, program] of programs) await writeFile(join(folder, name!), program!);
      const run = (name: string) =>
        promisify(execFile)(
          process.execPath,
          ['--conditions=oabn-source', '--import', 'tsx', name, redis.url, join(folder, 'store')],
          { cwd: folder },
        );
      // Whoever of them comes first waits for the other.
      const [{ stdout }] = await Promise.all([run('plan.ts'), run('worker.ts')]);
      assert.equal(stdout, '1\n4\n9\n0 failed\n');
    } finally {
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
