import assert from 'node:assert/strict';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitUnfinished, millisecondsOf, timeIsOver, untilDeadline } from '../../src/cli/deadline.js';
import {
  estimateRuns,
  finetuneConfig,
  pretrainConfig,
  progressOf,
  ptqConfig,
  run,
} from '../../src/experiment/index.js';
import { smallLab } from './smallLab.js';

describe('experiment/estimate', () => {
  it('counts what is left by kind, times it, and leaves the store as it was', async function () {
    this.timeout(120_000);
    const runs = await mkdtemp(join(tmpdir(), 'oabn-estimate-test-'));
    const lab = await smallLab({ runs });
    const one = pretrainConfig(lab, { threshold: 0.5, seed: 1, training: { images: 64 } });
    const two = pretrainConfig(lab, { threshold: 2, seed: 1, training: { images: 64 } });
    const tune = finetuneConfig(lab, { source: one, bits: 4, weights: 'cluster', training: { images: 64 } });
    const learned = {
      ...ptqConfig(lab, { source: one, bits: 8 }),
      method: 'adaRound' as const,
      iterations: 100_000,
    };
    const plan = [
      one,
      two,
      ptqConfig(lab, { source: one, bits: 8 }),
      ptqConfig(lab, { source: two, bits: 8 }),
      tune,
      learned,
    ].map((config) => ({
      lab,
      config,
    }));
    await run(lab, one);
    const before = await readdir(runs);

    const estimates = await estimateRuns(plan);
    assert.deepEqual(
      estimates.map(({ label, runs: all, done, steps }) => [label, all, done, steps]),
      [
        ['train, made', 2, 1, 4],
        ['PTQ minMax, made', 2, 0, 0],
        ['ClusterQAT, made', 1, 0, 2],
        // Whole, this would take more than an hour.
        ['PTQ adaRound, made', 1, 0, 0],
      ],
    );
    for (const { secondsLeft, secondsBeside, secondsPerStep, steps, runs: all, done } of estimates) {
      assert.ok(secondsBeside > 0 && (steps === 0 || secondsPerStep > 0));
      const expected = steps * secondsPerStep + (all - done) * secondsBeside;
      assert.ok(Math.abs(secondsLeft - expected) < 1e-9);
    }
    assert.deepEqual(await readdir(runs), before);
    assert.deepEqual(await progressOf(plan), { done: 1, begun: 0, left: 5 });
    let listed = 0;
    const store = { ...lab.store, list: () => (listed++, lab.store.list()) };
    const counting = { ...lab, store };
    await progressOf(plan.map(({ config }) => ({ lab: counting, config })));
    assert.equal(listed, 1, 'listing reads every result');
  });
});

describe('cli/deadline', () => {
  it('ends work with 75 and says what is left; other failures stay what they are', async () => {
    const said: string[] = [];
    const code = process.exitCode;
    try {
      const work = (): Promise<void> => Promise.reject(timeIsOver());
      assert.equal(await untilDeadline(work, [], (line) => said.push(line)), undefined);
      assert.equal(process.exitCode, exitUnfinished);
    } finally {
      process.exitCode = code;
    }
    assert.match(said.join(), /0 of 0 runs are done, .*The same command continues/);
    await assert.rejects(
      untilDeadline(() => Promise.reject(new RangeError('no')), []),
      RangeError,
    );
    assert.equal(await untilDeadline(() => Promise.resolve(7), []), 7);
  });

  it('refuses minutes that are none', () => {
    assert.deepEqual([undefined, '0.5'].map(millisecondsOf), [undefined, 30_000]);
    assert.throws(() => millisecondsOf('-1'), /--minutes must be a number above 0 .*, got -1/);
    assert.throws(() => millisecondsOf('soon'), /got soon/);
  });
});
