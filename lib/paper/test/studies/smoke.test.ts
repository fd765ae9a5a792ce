import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ablationStudy,
  bestRate,
  claimsBoard,
  claimsOfEachSide,
  imagenetClaims,
  learningRateStudy,
  lowBitStudy,
  mainJob,
  ptqStudy,
  runStudy,
  studyTable,
  thresholdStudy,
} from '../../src/studies/index.js';
import { run, runAll } from 'oabn/experiment';
import { openLabs, profiles } from '../../src/profiles/index.js';

describe('experiment, profile smoke', () => {
  it('opens no ImageNet side, and plans nothing on it, where a profile only tells the story', async () => {
    const labs = await openLabs({
      profile: { ...profiles.smoke, story: ['01'] },
      runs: await mkdtemp(join(tmpdir(), 'oabn-story-')),
      data: '',
      shipped: false,
      notice: () => {},
    });
    assert.deepEqual(Object.keys(labs), ['cifar']);
    assert.ok(mainJob(labs).every(({ lab }) => lab === labs.cifar));
    assert.deepEqual(await imagenetClaims(labs), []);
  });

  it('runs the main job once, and answers every study from the store after that', async function () {
    this.timeout(240_000);
    const options = {
      profile: 'smoke',
      runs: await mkdtemp(join(tmpdir(), 'oabn-smoke-')),
      data: '',
      shipped: false,
      notice: () => {},
    };
    const labs = await openLabs(options);
    const jobs = mainJob(labs);
    await runAll(jobs);
    // Networks are made on the way by the first run that needs them, so only those asked for later are in the
    // store.
    assert.equal((await labs.cifar.store.list()).length, jobs.length);

    const again = await openLabs(options);
    for (const { lab, config } of mainJob(again)) assert.equal((await run(lab, config)).from, 'store');
    const sweep = await runStudy(again.cifar, thresholdStudy());
    assert.match(sweep.source, /^profile smoke · MADE DATA .* · 320 training images × 2 epochs · 1 seed$/);
    assert.deepEqual(
      sweep.rows.map(({ threshold, bits, images }) => [threshold, bits, images]),
      [
        [0.5, 8, 200],
        [Infinity, 8, 200],
        [0.5, 4, 200],
        [Infinity, 4, 200],
      ],
    );
    for (const { bits, method, accuracy, stateSize } of (await runStudy(again.cifar, lowBitStudy())).rows) {
      assert.ok(accuracy >= 0 && accuracy <= 1);
      const levels = method === 'clusterQat' ? 2 ** bits : 2 ** bits - 1;
      assert.ok(
        stateSize > 3 && stateSize <= 3 * levels,
        `${method} at ${bits} bits has ${stateSize} states`,
      );
    }
    assert.ok(again.imagenet);
    const { rows: table } = await runStudy(again.imagenet, ptqStudy());
    assert.ok(table.some(({ network }) => network === 'QARepVGG'));
    assert.ok(table.some(({ granularity }) => granularity === 'perChannel'));
    const rates = await runStudy(again.cifar, learningRateStudy);
    const meanAt = (rate: number): number => {
      const at = rates.rows.filter((row) => row.weights === 'cluster' && row.learningRate === rate);
      return at.reduce((sum, { accuracy }) => sum + accuracy, 0) / at.length;
    };
    const searched = [...new Set(rates.rows.map(({ learningRate }) => learningRate))];
    assert.ok(searched.length > 1);
    assert.equal(meanAt(bestRate(rates.rows, 'cluster')), Math.max(...searched.map(meanAt)));
    assert.ok(studyTable(await runStudy(again.cifar, ablationStudy())).length > 10);
    // Bitmaps are kept with every run, for comparisons image by image.
    assert.ok(table.every(({ right, fp32Right }) => right?.length === 36 && fp32Right?.length === 36));
    const claims = await claimsBoard(again);
    const ids = new Set(claims.map(({ id }) => id));
    assert.deepEqual([...ids], ['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7', 'C8', 'C9', 'C10', 'C11', 'C12']);
    const ofImagenet = (await imagenetClaims(again)).map(({ id }) => id);
    assert.deepEqual(ofImagenet, claimsOfEachSide);
    const after = await again.cifar.store.list();
    assert.equal(after.length, jobs.length, 'the studies ask for runs that the main job does not have');
  });
});
