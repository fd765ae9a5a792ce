/**
 * Experiments: kinds of run and their configurations, the lab that runs them, alone or several at a time.
 *
 * @module oabn/experiment
 */
import './display.js';

export * from './compiledCache.js';
export * from './configs.js';
export * from './defaults.js';
export * from './estimate.js';
export * from './job.js';
export * from './kinds/index.js';
export * from './lab.js';
export * from './latency.js';
export * from './measure.js';
export * from './measureBranches.js';
export * from './measureOnnx.js';
export * from './parallel/index.js';
export { engineName, softwareVersions } from './provenance.js';
export * from './run.js';
export * from './sensitivity.js';
export type { DataConfig, PretrainTraining, TrainingConfig } from './settings.js';
export * from './tensorboard.js';
export { type ObservedEpoch, precisionOptions, stepKey } from './training.js';
