/** Learning how to round, unit by unit: the frame of AdaRound, BRECQ, QDrop and RepAPQ. */
export { learningDefaults, type Recipe, reconstruct } from './reconstruct.js';
