/**
 * Jupyter's own conformance suite, and its client for running notebooks, where a Python with
 * jupyter_kernel_test and nbclient is: `JUPYTER_PYTHON` names it, or the PATH does.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installKernel } from '../../src/kernel/index.js';

const python = process.env.JUPYTER_PYTHON ?? 'python3';

describe('kernel: as Jupyter’s Python sees it', function () {
  this.timeout(300_000);
  let prefix: string;
  before(async () => {
    prefix = await mkdtemp(join(tmpdir(), 'kernel-python-'));
    await installKernel({ prefix });
  });
  after(() => rm(prefix, { recursive: true }));

  const unittest = (script: string): string => {
    const { status, stderr } = spawnSync(python, [fileURLToPath(new URL(script, import.meta.url))], {
      cwd: prefix,
      encoding: 'utf8',
      env: {
        ...process.env,
        JUPYTER_PATH: join(prefix, 'share', 'jupyter'),
        JUPYTER_DATA_DIR: join(prefix, 'data'),
      },
    });
    assert.equal(status, 0, stderr);
    return stderr;
  };
  const has = (module: string): boolean => spawnSync(python, ['-c', `import ${module}`]).status === 0;

  it('passes every group of jupyter_kernel_test, and skips none', function () {
    if (!has('jupyter_kernel_test')) this.skip();
    const report = unittest('conformance.py');
    assert.match(report, /Ran 13 tests/);
    assert.doesNotMatch(report, /skipped/i);
  });

  it('runs notebooks for nbclient and papermill, with parameters', function () {
    if (!has('nbclient')) this.skip();
    assert.match(unittest('clients.py'), /Ran 3 tests/);
  });
});
