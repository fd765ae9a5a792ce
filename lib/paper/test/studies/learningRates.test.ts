import assert from 'node:assert/strict';
import { bestRate, learningRateStudy, searchSeed, studyJobs } from '../../src/studies/index.js';
import { type PaperLab, type Profile, profiles } from '../../src/profiles/index.js';

const labOf = (size: number): PaperLab =>
  ({
    ...{ profile: profiles.quick, defaults: profiles.quick },
    data: { name: 'made', checksum: 'sha256:00', testImages: 2000 },
    ...{ train: { size: 50_000 }, test: { size } },
  }) as unknown as PaperLab;

describe('experiment/studies: the search for learning rates', () => {
  it('looks at test images and a seed that no result uses', () => {
    const { seeds, data } = profiles.quick;
    assert.ok(!(seeds as readonly number[]).includes(searchSeed));
    const configs = studyJobs(labOf(10_000), [learningRateStudy]).map(({ config }) => config);
    const used = new Set(
      configs.map((config) => {
        const source = config.kind === 'pretrain' ? config : config.source;
        return source.data.firstTestImage!;
      }),
    );
    assert.equal(used.size, 1);
    const judgedOn = data.testImages;
    assert.ok([...used][0]! >= judgedOn, `${[...used][0]} is among the first ${judgedOn}`);
  });

  it('takes the last images of a test set that has none to spare', () => {
    for (const { config } of studyJobs(labOf(2000), [learningRateStudy])) {
      const { data } = config.kind === 'pretrain' ? config : config.source;
      assert.deepEqual([data.firstTestImage, data.testImages], [0, 2000]);
    }
  });

  it('is scored on training images that its networks do not train on, where all test images are reported', () => {
    for (const name of ['paper', 'full'] as const) {
      const profile: Profile = profiles[name];
      assert.equal(profile.data.testImages, null);
      assert.equal(
        typeof profile.search.heldOut,
        'number',
        `${name} would be judged on what it was searched on`,
      );
      const lab = { ...labOf(10_000), profile, defaults: profile } as PaperLab;
      for (const { config } of studyJobs(lab, [learningRateStudy])) {
        const { data } = config.kind === 'pretrain' ? config : config.source;
        assert.deepEqual([data.heldOut, data.testImages, data.firstTestImage], [5000, null, undefined]);
      }
    }
  });

  it('chooses the rate with the best mean over networks', () => {
    const point = (learningRate: number, threshold: number, accuracy: number) => ({
      ...({ weights: 'cluster', bits: 4, images: 2000 } as const),
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
