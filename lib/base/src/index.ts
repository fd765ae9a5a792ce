/**
 * What the other packages share: errors, atomic files, hashes, random numbers, progress and notices, tables as
 * text, safetensors and PyTorch's own files, and rules for values from outside.
 *
 * @module oabn-base
 */
export * from './bits.js';
export * from './concatenate.js';
export * from './disk.js';
export * from './displays.js';
export * from './errors.js';
export * from './files.js';
export * from './temporary.js';
export * from './half.js';
export * from './hash.js';
export * from './html.js';
export * from './markdown.js';
export * from './pickle.js';
export * from './notice.js';
export * from './processes.js';
export * from './progress.js';
export * from './quantile.js';
export * from './random.js';
export * from './safetensors.js';
export * as schema from './schema.js';
export * from './table.js';
export * from './torchFile.js';
export * from './zip.js';
