/** Networks of other families: tables of their blocks and names, what a file is, and merging it. */
export * from './branches.js';
export * from './convolution.js';
export * from './families.js';
export * from './merge.js';
export * from './recognize.js';
export * from './table.js';
