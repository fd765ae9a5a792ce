import assert from 'node:assert/strict';
import { random } from 'oabn-base';
import {
  allOf,
  areGreater,
  contrast,
  crossedMean,
  effectOf,
  bestOf,
  greater,
  holm,
  intervalOf,
  isGreater,
  isLittle,
  little,
  ofUnknownError,
  pairedDifference,
  percentOf,
  percentWithin,
  pointsWithin,
  pValue,
  seedMean,
  tQuantile,
  tTail,
  unpackRights,
  varianceOf,
} from '../../src/statistics/index.js';

const near = (actual: number, expected: number, relative = 1e-6): void =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual}, expected ${expected}`);

describe('distributions', () => {
  // scipy.stats.t.ppf and .sf
  it('of Student are those of scipy', () => {
    near(tQuantile(0.975, 1), 12.706204736174694);
    near(tQuantile(0.975, 2), 4.302652729749462);
    near(tQuantile(0.995, 3.7), 4.8692522532278275);
    near(tQuantile(0.975, 5000), 1.9604385517065073);
    near(tQuantile(0.975, Infinity), 1.959963984540054);
    near(tTail(3.2, 2.4), 0.033507713073123044);
    near(tTail(12, 9999), 2.9900440056831956e-33);
  });
});

describe('the mean over seeds and images', () => {
  it('has the mean squares of a two-way analysis of variance', () => {
    // Seed means 2 and 4, image means 2, 3, 4; the rest is ±0: MSseeds = 6, MSimages = 2, MSrest = 0.
    const { mean, parts } = crossedMean([
      [1, 2, 3],
      [3, 4, 5],
    ]);
    assert.equal(mean, 3);
    assert.deepEqual(parts, [
      { variance: 6 / 6, df: 1 },
      { variance: 2 / 6, df: 2 },
    ]);
  });

  it('is Student’s where images do not matter', () => {
    const byImages = crossedMean([
      [1, 1, 1],
      [2, 2, 2],
      [4, 4, 4],
    ]);
    const bySeeds = seedMean([1, 2, 4]);
    assert.deepEqual(byImages.parts[0], bySeeds.parts[0]);
    assert.equal(byImages.parts[1]!.variance, 0);
    assert.deepEqual(intervalOf(byImages), intervalOf(bySeeds));
    near(pValue(byImages), pValue(bySeeds));
  });

  it('does not get surer of the images by more seeds of the same answers', () => {
    const answers = Array.from({ length: 100 }, (_, i) => (i % 4 === 0 ? 0 : 1));
    const [two, five] = [2, 5].map((seeds) => crossedMean(Array.from({ length: seeds }, () => answers)));
    near(varianceOf(two!), (0.75 * 0.25) / 99);
    near(varianceOf(five!), varianceOf(two!));
  });

  it('takes seeds whose counts happen to agree for no proof of precision', () => {
    // Both right on half of the images, but on different ones.
    const halves = [0, 1].map((half) => Array.from({ length: 100 }, (_, i) => Number(i % 2 === half)));
    const estimate = crossedMean(halves);
    const variance = varianceOf(estimate);
    assert.equal(estimate.mean, 0.5);
    // σe² of two opposite answers is ½ on two seeds of 100 images, (n/(n−1))/2/200.
    assert.ok(Math.abs(variance - 100 / 99 / 2 / 200) < 1e-12, `${variance}`);
  });

  it('refuses what it cannot judge', () => {
    assert.throws(() => crossedMean([[1, 0, 1]]), /two seeds .* got 1 and 3/);
    assert.throws(() => crossedMean([[1, 0], [1]]), /not measured on the same images/);
    assert.throws(() => seedMean([1]), /two seeds/);
  });
});

describe('comparisons image by image', () => {
  const a = Uint8Array.of(1, 1, 0, 1);
  const b = Uint8Array.of(1, 0, 0, 1);

  it('weigh who was right', () => {
    assert.equal(
      contrast([
        [
          [1, a],
          [-1, b],
        ],
        [
          [1, a],
          [-1, a],
        ],
      ]).mean,
      0.125,
    );
    const halves = contrast([[[1, a]], [[1, b]]], -0.5);
    assert.equal(halves.mean, 0.125);
    assert.throws(() => contrast([[[1, a]], [[1, Uint8Array.of(1)]]]), /same images/);
  });

  it('are read from packed bits', () => {
    const packed = Buffer.from([0b00001101, 0b1]).toString('base64');
    assert.deepEqual([...unpackRights(packed, 9)], [1, 0, 1, 1, 0, 0, 0, 0, 1]);
    assert.throws(() => unpackRights(packed, 17), /17 bits must have 3 bytes, this one has 2/);
  });
});

describe('effects on networks', () => {
  const answers = (...rights: number[]) => ({
    rights: Uint8Array.from(rights),
    images: rights.length,
    accuracy: rights.reduce((sum, right) => sum + right, 0) / rights.length,
  });

  it('are compared image by image where it is known which were right', () => {
    const rows = [1, 2].map(() => [[1, answers(1, 1, 0, 1)] as const, [-1, answers(1, 0, 0, 1)] as const]);
    const effect = effectOf(rows);
    assert.equal(effect.mean, 0.25);
    near(varianceOf(effect), (0.25 * 0.75) / 3);
  });

  it('have the whole error of the images where it is not, whatever the number of seeds', () => {
    const bare = { images: 100, accuracy: 0.5 };
    for (const seeds of [2, 5]) {
      const rows = Array.from({ length: seeds }, () => [[1, bare] as const, [-1, bare] as const]);
      near(varianceOf(effectOf(rows)), 2 * 0.0025);
    }
  });

  it('are unknown of one seed', () => {
    const { low, high } = intervalOf(effectOf([[[1, answers(1, 1)]]]));
    assert.deepEqual([low, high], [-Infinity, Infinity]);
    assert.equal(pointsWithin(intervalOf(effectOf([[[1, answers(1, 1)]]]))), '+100.0 points (one seed)');
  });

  it('of two lots of rows are their differences seed by seed, whatever the order', () => {
    const row = (seed: number, accuracy: number) => ({ seed, accuracy, fp32: 0.8, images: 100 });
    const rows = [row(1, 0.7), row(2, 0.6), row(3, 0.5)];
    const others = [row(3, 0.41), row(1, 0.58), row(2, 0.51)];
    near(pairedDifference(rows, others).mean, 0.1);
    assert.ok(intervalOf(pairedDifference(rows, others)).low < 0.1);
    assert.throws(() => pairedDifference(rows, others.slice(1)), /Seed 3 is not among the runs to compare/);
    assert.throws(() => pairedDifference([...rows, row(1, 0.7)], others), /Seed 1 has several rows/);
    // Image by image where the answers are known: both wrong on the same image is no difference.
    const bits = (right: string) => Buffer.from([parseInt(right, 2)]).toString('base64');
    const known = (seed: number, right: string) => ({ ...row(seed, 0.5), images: 8, right: bits(right) });
    const same = pairedDifference(
      [known(1, '11110000'), known(2, '11110000')],
      [known(1, '11110000'), known(2, '11110000')],
    );
    assert.deepEqual([same.mean, varianceOf(same)], [0, 0]);
  });

  it('are of the best kind as other seeds and other images chose it', () => {
    const network = (seed: number, quantized: ReturnType<typeof answers>) => ({
      seed,
      quantized,
      fp32: quantized,
    });
    // «even» is right on the even images of seed 1 only; that may not make it the choice for them.
    const even = [network(1, answers(1, 0, 1, 0)), network(2, answers(0, 0, 0, 0))];
    const steady = [network(1, answers(0, 0, 0, 1)), network(2, answers(0, 1, 1, 0))];
    const { networks, chosen } = bestOf([
      { name: 'even', networks: even },
      { name: 'steady', networks: steady },
    ]);
    assert.deepEqual([...networks[0]!.quantized.rights!], [0, 0, 0, 1]);
    assert.deepEqual(
      [...networks[1]!.quantized.rights!],
      [0, 0, 1, 0],
      'odd images: even of seed 1 chose «even»',
    );
    assert.deepEqual(chosen, ['steady', 'even']);
  });

  it('are of the best kind among those with every seed', () => {
    const of = (name: string, accuracy: number, seeds: readonly number[]) => ({
      name,
      networks: seeds.map((seed) => {
        const same = { accuracy, images: 100 };
        return { seed, fp32: same, quantized: same };
      }),
    });
    const kinds = [of('unfinished', 0.95, [1]), of('good', 0.9, [2, 1, 3]), of('bad', 0.5, [1, 2, 3])];
    assert.deepEqual(bestOf(kinds).chosen, ['good']);
    assert.throws(
      () => bestOf([of('A', 0.9, [1, 2]), of('B', 0.5, [1, 3])]),
      /Of A, B none has all of the seeds 1, 2, 3/,
    );
  });
});

describe('verdicts', () => {
  const estimate = (mean: number, error: number) => ({
    mean,
    parts: [{ variance: error ** 2, df: Infinity }],
  });

  it('follow the interval', () => {
    assert.equal(isGreater(estimate(2, 1)), 'held');
    assert.equal(isGreater(estimate(1.9, 1)), 'undecided');
    assert.equal(isGreater(estimate(-2, 1)), 'not held');
    assert.equal(isLittle(estimate(0.3, 1), 2), 'held');
    assert.equal(isLittle(estimate(0.4, 1), 2), 'undecided');
    assert.equal(isLittle(estimate(-4, 1), 2), 'not held');
    near(intervalOf(estimate(1, 1)).high, 1 + 1.959963984540054);
  });

  it('of several parts are held when all are, and not held when one is refuted among so many', () => {
    const [plus, none, minus] = [
      greater(estimate(3, 1)),
      greater(estimate(0, 1)),
      greater(estimate(-2.1, 1)),
    ];
    assert.equal(allOf([plus, plus]), 'held');
    assert.equal(allOf([plus, none]), 'undecided');
    assert.equal(allOf([minus]), 'not held');
    assert.equal(allOf([plus, minus, none]), 'undecided', 'p = 0.018 of one in three is no refutation');
    assert.equal(allOf([plus, greater(estimate(-4, 1)), none]), 'not held');
    assert.equal(allOf([little(estimate(0, 1), 2), little(estimate(6, 1), 2)]), 'not held');
  });

  it('take rounding errors for nothing', () => {
    assert.equal(isGreater(estimate(-1e-16, 0)), 'undecided');
    assert.equal(pValue(estimate(1e-16, 0)), 1);
  });

  it('have the p-value at which their interval would end at 0', () => {
    const parts = [
      { variance: 4e-4, df: 2 },
      { variance: 1e-4, df: 9999 },
    ];
    for (const mean of [0.02, 0.08, 0.3, -0.08]) {
      const p = pValue({ mean, parts });
      const { low, high } = intervalOf({ mean, parts }, 1 - p);
      assert.ok(Math.min(Math.abs(low), Math.abs(high)) < 1e-6, `${mean}: ${low}, ${high}`);
    }
    // √(4.302653² · 4 + 1.960201² · 1) / 100, with t of 2 and of 9999 degrees of freedom.
    near(
      intervalOf({ mean: 0, parts }).high,
      Math.hypot(2 * tQuantile(0.975, 2), tQuantile(0.975, 9999)) / 100,
    );
  });

  it('are corrected by Holm where there are many', () => {
    // statsmodels.stats.multitest.multipletests([.01, .04, .03, .005], method='holm')
    assert.deepEqual(
      holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(4))),
      [0.03, 0.06, 0.06, 0.02],
    );
    assert.deepEqual(areGreater([estimate(2.1, 1), estimate(-4, 1), estimate(0, 1)]), [
      'undecided',
      'not held',
      'undecided',
    ]);
    near(pValue(estimate(1.959963984540054, 1)), 0.05);
  });

  it('are shown with their interval', () => {
    const interval = { mean: 0.0312, low: -0.002, high: 0.0644, level: 0.95 };
    assert.equal(pointsWithin(interval), '+3.1 points [−0.2, 6.4]');
    assert.equal(percentWithin(interval), '3.1% [−0.2, 6.4]');
    assert.equal(percentOf(seedMean([0.79, 0.83])), '81.0% [55.6, 100.0]', 'no share is above 1');
    assert.equal(percentOf(ofUnknownError(0.8)), '80.0% (one seed)');
  });
});

describe('over thousands of made-up experiments without an effect', () => {
  /** Two kinds of network, as right as each other: seeds, images and single answers vary. */
  function experiment(index: number, seeds: number, images: number, ofSeeds: number) {
    const draw = random(index, 'no effect');
    const hardness = Array.from({ length: images }, () => draw.normal());
    const taste = [0, 1].map(() => Array.from({ length: images }, () => 0.5 * draw.normal()));
    const network = (kind: number): Uint8Array => {
      const skill = 1 + ofSeeds * draw.normal();
      return Uint8Array.from(hardness, (h, i) => (skill - h + taste[kind]![i]! + draw.normal() > 0 ? 1 : 0));
    };
    return contrast(
      Array.from({ length: seeds }, () => [
        [1, network(0)],
        [-1, network(1)],
      ]),
    );
  }

  for (const { seeds, ofSeeds } of [
    { seeds: 2, ofSeeds: 0.1 },
    { seeds: 3, ofSeeds: 0 },
    { seeds: 3, ofSeeds: 0.1 },
    { seeds: 5, ofSeeds: 0.3 },
  ]) {
    it(`at most 5% are called an effect: ${seeds} seeds that differ by ${ofSeeds}`, () => {
      const experiments = 3000;
      let wrong = 0;
      for (let i = 0; i < experiments; i++) {
        if (isGreater(experiment(i, seeds, 100, ofSeeds)) !== 'undecided') wrong++;
      }
      // 0.05, and three standard errors of counting them.
      const bound = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / experiments);
      assert.ok(wrong / experiments <= bound, `${wrong} of ${experiments}`);
      console.log(`        ${((100 * wrong) / experiments).toFixed(1)}% of ${experiments}`);
    });
  }

  for (const seeds of [2, 3, 5]) {
    it(`at most 5% are called an effect, however ${seeds} seeds and the images vary`, () => {
      const images = 100;
      const experiments = 1500;
      const rates = [1, 3, 10, 30].flatMap((ofSeeds) =>
        [0.15, 0.45, 1].map((ofImages) => {
          let wrong = 0;
          for (let i = 0; i < experiments; i++) {
            const draw = random(i, `${ofSeeds} ${ofImages}`);
            const hardness = Array.from({ length: images }, () => Math.sqrt(ofImages) * draw.normal());
            // The variance of a seed's mean over that of the images' is `ofSeeds`.
            const sd = Math.sqrt((ofSeeds * (1 + seeds * ofImages)) / images);
            const table = Array.from({ length: seeds }, () => {
              const skill = sd * draw.normal();
              return hardness.map((each) => skill + each + draw.normal());
            });
            if (isGreater(crossedMean(table)) !== 'undecided') wrong++;
          }
          return wrong / experiments;
        }),
      );
      // Three standard errors of counting, as above.
      const bound = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / experiments);
      assert.ok(Math.max(...rates) <= bound, rates.join(' '));
    });
  }

  it('at most 5% at the margin are called little', () => {
    const experiments = 4000;
    let [little, large] = [0, 0];
    for (let i = 0; i < experiments; i++) {
      const draw = random(i, 'at the margin');
      const verdict = isLittle(seedMean([0, 1, 2].map(() => 0.02 + 0.004 * draw.normal())), 0.02);
      if (verdict === 'held') little++;
      if (verdict === 'not held') large++;
    }
    const bound = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / experiments);
    assert.ok(little / experiments <= bound && large / experiments <= bound, `${little}, ${large}`);
  });
});
