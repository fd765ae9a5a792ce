/** What every room needs and no room owns: errors, whole files, hashes, random numbers, progress, safetensors. */
export * from './errors.js';
export * from './files.js';
export * from './hash.js';
export * from './progress.js';
export * from './random.js';
export * from './safetensors.js';
