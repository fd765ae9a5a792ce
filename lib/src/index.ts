/** `oabn`: everything a notebook needs, room by room, from the bottom up. */
export * from './base/index.js';
export * from './backend/index.js';
export * from './compile/index.js';
export * from './data/index.js';
export * from './model/index.js';
export * from './merge/index.js';
export * from './quantize/index.js';
export * from './train/index.js';
export * from './experiment/index.js';
export * from './report/index.js';
export * from './notebook/index.js';
