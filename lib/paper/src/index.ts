/**
 * The reproduction, and with it everything that a notebook needs.
 *
 * @module oabn-paper
 */
export * from 'oabn-base';
export * from 'tfjs-native';
export * from 'provable-runs';
export * from 'oabn';
export * from 'tslab-kernel';
export * from './profiles/index.js';
export * from './models/index.js';
export * from './claims/index.js';
export * from './studies/index.js';
export * from './figures/index.js';
export * from './report/index.js';
