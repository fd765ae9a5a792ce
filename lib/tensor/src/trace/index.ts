/**
 * From a function to a graph: recording the kernels of one call (trace.ts), and making the graph smaller
 * (optimize.ts).
 */
export { refuseLacking } from './lacking.js';
export { optimize } from './optimize.js';
export type { EngineStep } from './step.js';
export { trace, type Trace } from './trace.js';
export { type Flat, flatten, mapTensors, unflatten } from './tree.js';
