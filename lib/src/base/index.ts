/** What every room needs and no room owns: arrays, errors, whole files, hashes, random numbers, progress, safetensors. */
export * from './concatenate.js';
export * from './errors.js';
export * from './files.js';
export * from './hash.js';
export * from './limiter.js';
export * from './progress.js';
export * from './random.js';
export * from './safetensors.js';
