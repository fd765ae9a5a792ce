import assert from 'node:assert/strict';
import {
  bestRate,
  learningRateStudy,
  type RatePoint,
  searchSeed,
  studyJobs,
} from '../../src/studies/index.js';
import { type PaperLab, profiles } from '../../src/profiles/index.js';

const labOf = (size: number): PaperLab =>
  ({
    ...{ profile: profiles.quick, defaults: profiles.quick },
    data: { name: 'made', checksum: 'sha256:00', testImages: 2000 },
    test: { size },
  }) as unknown as PaperLab;

describe('experiment/studies: the search for learning rates', () => {
  it('looks at test images and a seed that no result uses', () => {
    const { seeds, data } = profiles.quick;
    assert.ok(!(seeds as readonly number[]).includes(searchSeed));
    const configs = studyJobs(labOf(10_000), [learningRateStudy]).map(({ config }) => config);
    const used = new Set(
      configs.map((config) => {
        const source = config.kind === 'pretrain' ? config : config.source;
        return JSON.stringify([source.data.firstTestImage, source.data.testImages]);
      }),
    );
    assert.deepEqual([...used], ['[8000,2000]']);
    assert.ok(8000 >= data.testImages!);
  });

  it('takes the last images of a test set that has none to spare', () => {
    for (const { config } of studyJobs(labOf(2000), [learningRateStudy])) {
      const { data } = config.kind === 'pretrain' ? config : config.source;
      assert.deepEqual([data.firstTestImage, data.testImages], [0, 2000]);
    }
  });

  it('chooses the rate with the best mean over networks', () => {
    const point = (learningRate: number, threshold: number, accuracy: number): RatePoint => ({
      ...{ weights: 'cluster', bits: 4, images: 2000 },
      ...{ learningRate, threshold, accuracy },
    });
    const points = [
      point(1e-3, 0.5, 0.6),
      point(1e-3, Infinity, 0.2),
      point(1e-2, 0.5, 0.5),
      point(1e-2, Infinity, 0.4),
    ];
    assert.equal(bestRate(points, 'cluster'), 1e-2);
  });
});
