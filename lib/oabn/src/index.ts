/**
 * The method for one's own networks, room by room: data, networks, merging, quantization, training, experiments.
 *
 * @module oabn
 */
export * from './custom/index.js';
export * from './data/index.js';
export * from './model/index.js';
export * from './merge/index.js';
export * from './family/index.js';
export * from './quantize/index.js';
export * from './doctor/index.js';
export * from './train/index.js';
export * from './experiment/index.js';
