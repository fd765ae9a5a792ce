/**
 * The paper's claims C1 … C12: each a function from measurements to a verdict with its effect and interval.
 *
 * @module oabn-paper/claims
 */
export {
  type Claim,
  claimOf,
  type ClaimPart,
  claimRows,
  formatThreshold,
  hurtFrom,
  type Measured,
  type QuantizedPoint,
  replicated,
  thresholdsOf,
} from './claim.js';
export type { Interval, MeanEstimate, VariancePart, Verdict } from '../statistics/index.js';
export * from './cost.js';
export * from './lowBit.js';
export * from './outliers.js';
export * from './ptq.js';
export * from './spread.js';
export * from './threshold.js';
