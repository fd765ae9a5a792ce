/**
 * The networks: their description, their numbers, and their two forms, three-branch and merged.
 *
 * @module oabn/model
 */
import './display.js';

export * from './architecture.js';
export * from './batchNorm.js';
export * from './blocks.js';
export * from './checkpoint.js';
export * from './convolve.js';
export * from './cost.js';
export * from './merged.js';
export * from './operations.js';
export * from './parameters.js';
export * from './published.js';
export * from './readStateDict.js';
export * from './repvgg.js';
export * from './stateDict.js';
export * from './trainingCost.js';
