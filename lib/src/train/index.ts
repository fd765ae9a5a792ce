/** Training: the optimizer, the schedule, the steps of pretraining and fine-tuning, and the loop that runs them. */
export * from './gradients.js';
export * from './loss.js';
export * from './schedule.js';
export * from './sgd.js';
export * from './step.js';
