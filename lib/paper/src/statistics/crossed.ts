/**
 * The mean of a quantity that was measured for every pair of a training seed and a test image, with an error
 * that includes both. Seeds and images are crossed random effects: all seeds are judged on the same images,
 * so an error of sampling the images does not shrink with the number of seeds.
 *
 *     d[k,i] = δ + a[k] + b[i] + e[k,i]      k = 1…S seeds, i = 1…n images
 *     Var(d̄) = σa²/S + σb²/n + σe²/(S·n) = (MSseeds + MSimages − MSrest) / (S·n)
 *
 * with the mean squares of the two-way analysis of variance. This is the analysis of multi-reader multi-case
 * studies, with networks as readers (of binary ones: Gallas, Pennello, Myers, JOSA A 24, 2007).
 */

/** A part of the variance of a mean's error, as it was estimated. */
export interface VariancePart {
  /** ≥ 0; Infinity where it is unknown. */
  readonly variance: number;
  /** Its degrees of freedom, > 0; Infinity for a variance that is known. */
  readonly df: number;
}

/** A mean and its error. */
export interface MeanEstimate {
  /** The mean. */
  readonly mean: number;
  /**
   * The variance of its error is the sum of these. They stay apart because few seeds tell little about the
   * spread over seeds, however many images there are: see `intervalOf`.
   */
  readonly parts: readonly VariancePart[];
}

/** The variance of a mean's error. */
export const varianceOf = ({ parts }: MeanEstimate): number =>
  parts.reduce((sum, { variance }) => sum + variance, 0);

/** A mean of whose error nothing is known, as with one seed. */
export const ofUnknownError = (mean: number): MeanEstimate => ({
  mean,
  parts: [{ variance: Infinity, df: 1 }],
});

/**
 * The mean of `table`, whose rows are seeds and whose columns are images; rows of the same length, at least
 * two of each.
 *
 * One seed says nothing about the spread over seeds; two seeds have one degree of freedom, and hence wide
 * intervals. Seeds whose means happen to agree, as counts of right answers do now and then, are no proof of
 * precision: the expected mean square is σe² + n·σa², so it counts as no less than the estimate of σe².
 * @throws RangeError for fewer than two rows or columns, or rows of different lengths
 */
export function crossedMean(table: readonly ArrayLike<number>[]): MeanEstimate {
  const seeds = table.length;
  const images = table[0]?.length ?? 0;
  if (seeds < 2 || images < 2)
    throw new RangeError(`crossedMean needs two seeds and two images at least, got ${seeds} and ${images}`);
  if (table.some(({ length }) => length !== images))
    throw new RangeError('crossedMean: the seeds were not measured on the same images');
  const seedMeans = table.map((row) => meanOf(row));
  const imageMeans = Array.from({ length: images }, (_, i) => meanOf(table.map((row) => row[i]!)));
  const mean = meanOf(seedMeans);
  const betweenSeeds = (images * squares(seedMeans, mean)) / (seeds - 1);
  const ofImages = (seeds * squares(imageMeans, mean)) / (images - 1);
  let rest = 0;
  for (const [k, row] of table.entries()) {
    for (let i = 0; i < images; i++) rest += (row[i]! - seedMeans[k]! - imageMeans[i]! + mean) ** 2;
  }
  const ofRest = rest / ((seeds - 1) * (images - 1));
  // Estimates of σa² and σb² below 0 count as 0, which errs on the wide side.
  const values = seeds * images;
  const overSeeds = { variance: Math.max(betweenSeeds, ofRest) / values, df: seeds - 1 };
  const overImages = { variance: Math.max(0, ofImages - ofRest) / values, df: images - 1 };
  return { mean, parts: [overSeeds, overImages] };
}

/**
 * The mean of one value for each seed, for quantities without images, such as a ratio of weights: Student's
 * t.
 * @throws RangeError for fewer than two values
 */
export function seedMean(values: readonly number[]): MeanEstimate {
  const n = values.length;
  if (n < 2) throw new RangeError(`seedMean needs two seeds at least, got ${n}`);
  const mean = meanOf(values);
  return { mean, parts: [{ variance: squares(values, mean) / (n - 1) / n, df: n - 1 }] };
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function squares(values: readonly number[], mean: number): number {
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
