/**
 * How runs become verdicts: comparisons image by image, intervals over seeds and images, tests with a known
 * error.
 *
 * @module oabn-paper/statistics
 */
export { contrast, type Rights, unpackRights, type WeightedRights } from './contrast.js';
export {
  crossedMean,
  type MeanEstimate,
  ofUnknownError,
  seedMean,
  varianceOf,
  type VariancePart,
} from './crossed.js';
export { tQuantile, tTail } from './distributions.js';
export { numberWithin, percentOf, percentWithin, pointsOf, pointsWithin } from './format.js';
export {
  type Answers,
  bestOf,
  effectOf,
  type Judged,
  judgedOf,
  pairedDifference,
  sameSeeds,
  type StoredPoint,
  type WeightedAnswers,
} from './networks.js';
export {
  allOf,
  areGreater,
  errorRate,
  greater,
  holm,
  type Interval,
  intervalOf,
  isGreater,
  isLittle,
  limitedTo,
  little,
  pValue,
  type Test,
  type Verdict,
} from './verdict.js';
