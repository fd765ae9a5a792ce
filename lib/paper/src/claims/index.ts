/**
 * The paper's claims C1 … C12: each a function from measurements to a verdict with its numbers.
 *
 * @module oabn-paper/claims
 */
export { type Claim, claimRows, formatThreshold, type Measured, type QuantizedPoint } from './claim.js';
export * from './cost.js';
export * from './lowBit.js';
export * from './outliers.js';
export * from './ptq.js';
export * from './threshold.js';
export * from './statistics.js';
