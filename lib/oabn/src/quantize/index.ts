/**
 * From full precision to few values: quantizers, calibration, k-means, quantized networks and their state
 * size.
 *
 * @module oabn/quantize
 */
import './display.js';

export * from './calibrate.js';
export * from './centroids.js';
export * from './export/index.js';
export * from './kmeans/index.js';
export * from './mseStep.js';
export * from './ptq/index.js';
export * from './quantizedNetwork.js';
export * from './scheme.js';
export * from './sensitivity.js';
export * from './training/index.js';
export * from './uniform.js';
