/** Experiments: configurations, profiles, the lab that runs them, alone or several at a time. */
export * from './compiledCache.js';
export * from './config.js';
export * from './estimate.js';
export * from './job.js';
export * from './lab.js';
export * from './measure.js';
export * from './measureOnnx.js';
export * from './parallel/index.js';
export * from './profiles.js';
export * from './results.js';
export * from './run.js';
export * from './sensitivity.js';
export { precisionOptions, stepKey } from './training.js';
