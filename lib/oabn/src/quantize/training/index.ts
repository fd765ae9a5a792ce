/** Quantizers during fine-tuning: their state, how it moves or is learned, and what it becomes. */
export * from './activations.js';
export * from './apot.js';
export * from './cluster.js';
export * from './dkm.js';
export * from './own.js';
export * from './quantizer.js';
export * from './uniform.js';
export type { WeightTraining } from './weightTraining.js';
