/** How runs become verdicts: comparisons image by image, intervals over seeds and images, tests with a known error. */
export { contrast, type Rights, type Term, unpackRights } from './contrast.js';
export { crossedMean, type MeanEstimate, seedMean } from './crossed.js';
export { tQuantile, tTail } from './distributions.js';
export { percentWithin, pointsWithin } from './format.js';
export {
  allOf,
  areGreater,
  errorRate,
  holm,
  type Interval,
  intervalOf,
  isGreater,
  isLittle,
  pValue,
  type Verdict,
} from './verdict.js';
