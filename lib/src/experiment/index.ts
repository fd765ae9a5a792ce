/** Experiments: configurations, profiles, the lab that runs them, the store that keeps them, and the claims. */
export * from './claims/index.js';
export * from './claimsBoard.js';
export * from './config.js';
export * from './estimate.js';
export * from './studies/index.js';
export * from './lab.js';
export * from './measure.js';
export * from './measureOnnx.js';
export * from './parallel/index.js';
export * from './profiles.js';
export * from './results.js';
export * from './run.js';
export * from './sensitivity.js';
export * from './statistics.js';
export * from './store/index.js';
export * from './trainingCost.js';
