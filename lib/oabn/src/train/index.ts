/**
 * Training: the optimizer, the schedule, the steps of pretraining and fine-tuning, and the loop that runs
 * them.
 *
 * @module oabn/train
 */
export * from './average.js';
export * from './decay.js';
export * from './evaluate.js';
export * from './finetune.js';
export * from './loop.js';
export * from './regularizer.js';
export * from './repOptimizer.js';
export * from './schedule.js';
export * from './sgd.js';
export * from './state.js';
export * from './statistics.js';
export * from './step.js';
export * from './throughMerge.js';
