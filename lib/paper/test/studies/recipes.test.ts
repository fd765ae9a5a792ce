import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { balancedSubset, type BatchOptions } from 'oabn/data';
import { run } from 'oabn/experiment';
import { openPaperLab, type PaperLab, profiles } from '../../src/profiles/index.js';
import { type Recipe, recipeRows, recipeStudy, runStudy, studyJobs } from '../../src/studies/index.js';

const { widths, depths, strides } = profiles.smoke.arch;
const training = {
  ...profiles.smoke.pretraining,
  ...{ images: null, batchSize: 100, seed: 1 },
  schedule: { learningRate: 0.05, warmupEpochs: 0, epochs: 1 },
};

describe('experiment/studies: recipes', () => {
  it('trains without the held-out images, and measures on them alone', async function () {
    this.timeout(240_000);
    const lab = await openPaperLab({
      profile: 'smoke',
      runs: await mkdtemp(join(tmpdir(), 'oabn-recipes-')),
      data: '',
      shipped: false,
      notice: () => {},
    });
    const asked: BatchOptions[] = [];
    const seen = { trained: new Set<number>(), judged: new Set<number>() };
    const watched: PaperLab = {
      ...lab,
      train: {
        ...lab.train,
        batches(options = {}) {
          asked.push(options);
          const rows = options.shuffle ? seen.trained : seen.judged;
          return (async function* () {
            for await (const batch of lab.train.batches(options)) {
              batch.rows.forEach((row) => rows.add(row));
              yield batch;
            }
          })();
        },
      },
    };
    const one: Recipe = {
      name: 'averaged',
      arch: { widths, depths, strides },
      training: { ...training, decay: 'kernelsAndIdentity', ema: { decay: 0.9 } },
    };
    const rowOf = async (recipe: Recipe) =>
      recipeRows((await runStudy(watched, recipeStudy([recipe]))).rows)[0]!;
    const row = await rowOf(one);
    // A tenth of 10,000 made images: the last of the balanced order.
    const order = balancedSubset(lab.train.labels, lab.train.size, 0);
    assert.deepEqual(seen.judged, new Set(order.slice(9_000)));
    assert.deepEqual(seen.trained, new Set(order.slice(0, 9_000)));
    assert.equal(row.images, 1_000);
    assert.ok(asked.length > 0 && row.accuracy > 0 && row.meanPeakToSigma > 1);
    assert.deepEqual(Object.keys(row.quantized), ['4', '5', '6', '8']);
    // The average is not the last step's weights, and its statistics are its own.
    const { ema: _, ...last } = one.training;
    const unaveraged = await rowOf({ ...one, training: last });
    assert.notEqual(unaveraged.meanPeakToSigma, row.meanPeakToSigma);
    const jobs = studyJobs(lab, [recipeStudy([one])]);
    assert.equal(jobs.length, 5);
    for (const { config } of jobs) assert.equal((await run(lab, config)).from, 'store');
  });
});
