/**
 * The studies behind the paper's figures and tables, what can be done with any of them, and the main job they
 * make up.
 *
 * @module oabn-paper/studies
 */
export * from './ablations.js';
export * from './annealing.js';
export * from './claimsBoard.js';
export * from './firstEpoch.js';
export * from './law.js';
export * from './learningRates.js';
export * from './lowBit.js';
export * from './mainJob.js';
export * from './outliers.js';
export * from './plainNetworks.js';
export * from './prediction.js';
export * from './ptq.js';
export * from './recipes.js';
export * from './rivals.js';
export * from './secondTrainings.js';
export * from './shipped.js';
export {
  type AnyStudy,
  type Entry,
  type QuantizedConfig,
  runStudy,
  seedsText,
  type Study,
  studyJobs,
  type StudyResult,
} from './study.js';
export { studyTable } from './table.js';
export * from './threshold.js';
export * from './trainingCost.js';
export * from './verdicts.js';
