/**
 * The stop button during a training, through the kernel: it ends between two steps, and goes on to the same
 * bits.
 */
import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Execution, type KernelSession, startKernelSession } from 'tslab-kernel/run';

const open = (runs: string): string => `openLab({ defaults, data: '', runs: ${JSON.stringify(runs)}, progress: notebookProgress() })`; // prettier-ignore

// By require, which brings no types: reading those of a whole library takes longer than all that is looked at
// here.
const setUp = (folder: string): string => `
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { finetuningRecipes, openLab, pretrainConfig, run, trainingRecipe } = require('oabn/experiment');
const { normalizeArchitecture } = require('oabn/model');
const { notebookProgress } = require('tslab-kernel/display');
const defaults = {
  data: { name: 'made', testImages: 100 },
  arch: normalizeArchitecture({ widths: [8, 8, 16], depths: [1, 2, 1], strides: [2, 1, 2], classes: 10 }),
  pretraining: trainingRecipe({ images: 320, batchSize: 32, epochs: 40, learningRate: 0.05 }),
  finetuning: finetuningRecipes({ images: 320, batchSize: 32, epochs: 1 }),
  calibrationImages: 64,
};
const lab = await ${open(join(folder, 'stopped'))};
const config = pretrainConfig(lab, { threshold: 0.5, seed: 1 });
const digest = ({ folder, result }) =>
  createHash('sha256').update(readFileSync(join(folder, result.network))).digest('hex');`;

const texts = ({ outputs }: Execution): string =>
  outputs
    .map((output) =>
      'data' in output
        ? String(output.data['text/plain'])
        : output.output_type === 'stream'
          ? output.text
          : `${output.ename}: ${output.evalue}`,
    )
    .join('\n');

describe('kernel: a training that is stopped', function () {
  this.timeout(240_000);
  let folder: string;
  let session: KernelSession;
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'kernel-interrupt-')));
    // Packages come from the kernel's own; made data, so that nothing is read from elsewhere.
    session = await startKernelSession({ folder, env: { JUPYTER_KERNEL_HISTORY: '0', OABN_DATA_DIR: '' } });
  });
  after(async () => {
    await session?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (code: string): Promise<string> => {
    const execution = await session.execute(code);
    assert.equal(execution.status, 'ok', texts(execution));
    return texts(execution);
  };

  it('opens a lab without a red block', async () => {
    const { status, outputs } = await session.execute(setUp(folder));
    assert.equal(status, 'ok', JSON.stringify(outputs));
    assert.deepEqual(
      outputs.filter((output) => output.output_type === 'stream' && output.name === 'stderr'),
      [],
    );
  });

  it('ends between two steps, keeps its checkpoint, says so, and completes meanwhile', async () => {
    const stop = new AbortController();
    let completions: Promise<string[]> | undefined;
    const stopped = await session.execute('let begun = "yes"; let trained = await run(lab, config);', {
      signal: stop.signal,
      onOutput({ content }) {
        const shown = (content.data as Record<string, unknown> | undefined)?.['text/plain'];
        if (completions || !/epoch .*loss/.test(String(shown))) return;
        // At once: on a busy machine the training could end before an answer comes.
        completions = session.complete('Math.flo');
        stop.abort();
      },
    });
    assert.equal(stopped.status, 'interrupted', texts(stopped));
    assert.deepEqual(await completions, ['floor']);
    const [, step] = /Stopped after step (\d+), which is kept/.exec(texts(stopped)) ?? [];
    assert.ok(Number(step) > 0 && Number(step) < 400, texts(stopped));
    assert.match(
      texts(stopped),
      /train OABN s=0\.5 with decay of the kernels seed 1 epoch .*loss/,
      'what it had is still shown',
    );
    assert.match(texts(stopped), /Interrupted: the cell was interrupted/);
    const kept = await run('const [entry] = await lab.store.list();\n[begun, entry.status, entry.step]');
    assert.match(kept, new RegExp(`\\[ 'yes', 'interrupted', ${step} \\]`));
  });

  it('goes on from there when the cell runs again, to the bits of a training that nobody stopped', async () => {
    assert.match(
      await run('let begun = "again"; let trained = await run(lab, config);\ntrained'),
      /train OABN s=0\.5 with decay of the kernels seed 1 · run [0-9a-f]+, computed here[^]*accuracy/,
    );
    assert.match(await run('trained.provenance.sessions'), /^2$/);
    await run(`const other = await run(await ${open(join(folder, 'whole'))}, config);`);
    assert.match(
      await run('[other.provenance.sessions, digest(other) === digest(trained)]'),
      /\[ 1, true \]/,
    );
  });
});
