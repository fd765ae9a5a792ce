/**
 * From three branches to one 3×3 convolution, and what that does to the weights.
 *
 * @module oabn/merge
 */
export * from './classes.js';
export * from './differentiable.js';
export * from './merge.js';
export * from './outliers.js';
export * from './restore.js';
export * from './summary.js';
export * from './thresholdTrace.js';
export * from './withoutLimits.js';
