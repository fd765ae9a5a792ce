/** The studies behind the paper's figures and tables, and the main job that they make up. */
export * from './ablations.js';
export * from './claimsBoard.js';
export * from './grid.js';
export * from './learningRates.js';
export * from './lowBit.js';
export { type GridOptions } from './options.js';
export * from './ptqTable.js';
export * from './recipes.js';
export * from './threshold.js';
export * from './trainingCost.js';
