/**
 * Notebooks: the kernel for Jupyter, running notebooks from Node alone, pages from them, and what cells show.
 *
 * @module tslab-kernel
 */
export * from './display/index.js';
export * from './html/index.js';
export * from './kernel/index.js';
export * from './picture/index.js';
export * from './run/index.js';
