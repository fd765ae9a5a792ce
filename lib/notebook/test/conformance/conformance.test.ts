/** Jupyter's own conformance suite, where a Python with jupyter_kernel_test is: `PYTHON` names it, or the PATH does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installKernel } from '../../src/kernel/index.js';

const python = process.env.PYTHON ?? 'python3';
const hasSuite = spawnSync(python, ['-c', 'import jupyter_kernel_test']).status === 0;

describe('kernel: jupyter_kernel_test', function () {
  this.timeout(240_000);

  it('passes every group, and skips none', async function () {
    if (!hasSuite) this.skip();
    const prefix = await mkdtemp(join(tmpdir(), 'kernel-conformance-'));
    try {
      await installKernel({ prefix });
      const { status, stderr } = spawnSync(
        python,
        [fileURLToPath(new URL('conformance.py', import.meta.url))],
        {
          cwd: prefix,
          encoding: 'utf8',
          env: {
            ...process.env,
            JUPYTER_PATH: join(prefix, 'share', 'jupyter'),
            JUPYTER_DATA_DIR: join(prefix, 'data'),
          },
        },
      );
      assert.equal(status, 0, stderr);
      assert.match(stderr, /Ran 13 tests/);
      assert.doesNotMatch(stderr, /skipped/i);
    } finally {
      await rm(prefix, { recursive: true });
    }
  });
});
