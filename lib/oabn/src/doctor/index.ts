/**
 * Why a network loses more than others when it is quantized, how much it will lose, and what helps.
 *
 * @module oabn/doctor
 */
export * from './advise.js';
export * from './diagnose.js';
export * from './examine.js';
export * from './law.js';
export * from './layers.js';
export * from './page.js';
export * from './pareto.js';
export * from './tryRemedies.js';
export * from './weightRemedies.js';
