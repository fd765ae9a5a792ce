/**
 * `scripts/longRun.ts` for a few thousand steps; `OABN_LONG_STEPS=50000` for as long as the figures in the
 * bench's README.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runOnGpu } from '../../../tensor/test/engines/webgpu/environment.js';
import type { Held } from './longRun.js';

const script = new URL('../../scripts/longRun.ts', import.meta.url);
const wanted = Number(process.env.OABN_LONG_STEPS ?? 0);

/**
 * Between the second of the marks, when all is warm, and the last; resident memory goes up and down by
 * `breath` MiB.
 */
function assertFlat(marks: readonly Held[], steps: number, breath: number): void {
  assert.deepEqual(
    marks.map(({ step }) => step),
    [1, 2, 3, 4, 5].map((part) => (part * steps) / 5),
  );
  const [first, last] = [marks[1]!, marks.at(-1)!];
  assert.deepEqual([last.tensors, last.native, last.made], [first.tensors, first.native, first.made]);
  assert.ok(last.handles <= first.handles + 1, `${first.handles} handles became ${last.handles}`);
  assert.ok(last.heap - first.heap < 4, `the heap grew by ${last.heap - first.heap} MiB`);
  assert.ok(last.resident - first.resident < breath, `memory grew by ${last.resident - first.resident} MiB`);
}

describe('a long run', function () {
  this.timeout(3_600_000);

  it('holds no more memory and no more handles with every step, compiled on the CPU', async () => {
    const steps = wanted || 2000;
    const flags = ['--expose-gc', '--conditions=oabn-source', '--import', 'tsx'];
    const args = [...flags, fileURLToPath(script), 'wasm', String(steps), String(steps / 5)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const [backend, ...marks] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Held);
    assert.equal((backend as unknown as { backend: string }).backend, 'wasm');
    assertFlat(marks, steps, 64);
  });

  it('holds no more memory and no more handles with every step, on a GPU or one that is emulated', async function () {
    const steps = wanted || 200;
    const parameters = ['webgpu', steps, steps / 5].map(String);
    const { lines } = await runOnGpu<Held & { device?: string }>(this, script, parameters);
    assertFlat(lines.slice(1), steps, 256);
  });
});
