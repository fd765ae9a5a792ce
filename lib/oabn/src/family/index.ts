/**
 * Networks of other families: tables of their blocks and names, what a file is, and merging it.
 *
 * @module oabn/family
 */
export * from './asNetwork.js';
export * from './asRepVGG.js';
export * from './branches.js';
export * from './convolution.js';
export * from './deadChannels.js';
export * from './describe.js';
export * from './families.js';
export * from './layout.js';
export * from './leftover.js';
export * from './load.js';
export * from './merge.js';
export { isSqueeze } from './moduleNames.js';
export type { Place } from './place.js';
export * from './recognize.js';
export * from './table.js';
