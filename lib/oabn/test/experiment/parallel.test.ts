import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  finetuneConfig,
  type Job,
  type Lab,
  poolJobs,
  pretrainConfig,
  ptqConfig,
  runAll,
} from '../../src/experiment/index.js';
import { schedule } from 'provable-runs/local';
import { smallLab } from './smallLab.js';

/**
 * The processes that `parent` began. Others may be among them that are not this test's, such as tsx's
 * compiler.
 */
function childrenOf(parent: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/, 3));
  return rows
    .filter(([, of, program]) => Number(of) === parent && program !== 'ps')
    .map(([pid]) => Number(pid));
}

const emptyFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'oabn-no-data-'));

/** Two networks, each with a quantization that trains and one that does not. */
function jobsOf(where: Lab): Job[] {
  const networks = [0.5, Infinity].map((threshold) => pretrainConfig(where, { threshold, seed: 1 }));
  const more = networks.flatMap((network) => [
    ptqConfig(where, { source: network, bits: 8 }),
    finetuneConfig(where, { source: network, bits: 4, weights: 'cluster' }),
  ]);
  return [...networks, ...more].map((config) => ({ lab: where, config }));
}

describe('experiment/parallel: what comes next', () => {
  it('hands out no run whose network is not made, and keeps compiled functions where they are', async () => {
    const plan = schedule(poolJobs(jobsOf(await smallLab())));
    assert.deepEqual([plan.next(1), plan.next(2), plan.next(1)], [0, 1, undefined]);
    plan.done(0);
    assert.equal(plan.next(1), 2);
    // A function that no other worker has, before one that another has.
    assert.equal(plan.next(2), 3);
    plan.done(1);
    assert.deepEqual([plan.next(2), plan.next(1), plan.next(1)], [5, 4, undefined]);
    assert.equal(plan.left, 0);
  });
});

describe('experiment/parallel: workers', function () {
  this.timeout(120_000);
  const threads = process.env.OABN_THREADS;
  /** The results of `jobsOf`, computed in this process. */
  let alone: unknown[] = [];
  before(() => (process.env.OABN_THREADS = '1'));
  after(() => {
    if (threads === undefined) delete process.env.OABN_THREADS;
    else process.env.OABN_THREADS = threads;
  });

  it('compute to the bit what one process computes, and answer from the store after that', async () => {
    const [one, two] = [await smallLab(), await smallLab()];
    alone = (await runAll(jobsOf(one), { workers: 1 })).map(({ result }) => result);
    const counts: string[] = [];
    const onComputed = (_: unknown, done: number, total: number): void =>
      void counts.push(`${done} of ${total}`);
    const together = await runAll(jobsOf(two), { workers: 2, onComputed });
    assert.deepEqual(
      together.map(({ result }) => result),
      alone,
    );
    assert.deepEqual(
      counts,
      [1, 2, 3, 4, 5, 6].map((n) => `${n} of 6`),
    );
    assert.ok(together.every(({ from }) => from === 'computed'));
    const again = await runAll(jobsOf(two), { workers: 2 });
    assert.ok(again.every(({ from }) => from === 'store'));
  });

  it('do not say again what was said when the lab was opened', async () => {
    const said: string[] = [];
    const notice = (message: string): void => void said.push(message);
    const made = await smallLab({ dataset: 'imagenet50', data: await emptyFolder(), notice });
    assert.match(said.join(), /MADE DATA in place of imagenet50/);
    const { length } = said;
    const seeds = [1, 2].map((seed) => ({
      lab: made,
      config: pretrainConfig(made, { threshold: 0.5, seed }),
    }));
    await runAll(seeds, { workers: 2, notice });
    assert.equal(said.length, length, said.join());
  });

  it('end between two steps when told to, and go on from there', async () => {
    const controller = new AbortController();
    const where = await smallLab({ signal: controller.signal });
    const reason = new Error('enough');
    let events = 0;
    const stopSoon = (): void => {
      if (++events === 5) controller.abort(reason);
    };
    await assert.rejects(runAll(jobsOf(where), { workers: 2, progress: stopSoon }), reason);
    const begun = (await where.store.list()).filter(({ step }) => step !== undefined && step > 0);
    assert.ok(begun.length > 0, 'nothing was kept');
    const { signal: _, ...rest } = where;
    const results = await runAll(jobsOf(rest), { workers: 2 });
    assert.deepEqual(
      results.map(({ result }) => result),
      alone,
    );
  });

  it('pass on what a user can mend, and what kills a worker', async () => {
    const where = await smallLab();
    const jobs = jobsOf(where);
    const [first] = jobs;
    const impossible = pretrainConfig(where, { threshold: 0.5, seed: 1, training: { batchSize: 100_000 } });
    await assert.rejects(
      runAll([{ lab: where, config: impossible }, first!], { workers: 2 }),
      (error: Error) =>
        error.name === 'UserError' && /320 images are fewer than batchSize/.test(error.message),
    );
    const before = new Set(childrenOf(process.pid));
    const workers = (): number[] => childrenOf(process.pid).filter((child) => !before.has(child));
    const kill = (): void => workers().forEach((child) => process.kill(child, 'SIGKILL'));
    if (process.platform !== 'win32') {
      await assert.rejects(
        runAll(jobs, { workers: 2, progress: kill }),
        /Worker process \d ended \(SIGKILL\)/,
      );
    }
    await assert.rejects(runAll(jobs, { workers: 0 }), /≥ 1, got 0/);
  });
});
