/**
 * What a graph of kernels *is*, whatever runs it: values and nodes (graph.ts), each kernel's attributes
 * (attributes.ts), the types of its results (kernels.ts and a file for each family), and its results on
 * constants (evaluate.ts).
 */
export { sizeOf } from 'oabn-base';
export { rangeOf, sliceBounds, stridedSlice } from './arrange.js';
export type { Attributes, Axes, KernelName } from './attributes.js';
export { geometryOf } from './convolution.js';
export { evaluate } from './evaluate.js';
export type { Geometry } from './geometry.js';
export {
  callOf,
  type ConstantNode,
  countUses,
  type Graph,
  type InputNode,
  type KernelCall,
  type KernelNode,
  nextId,
  type Node,
  printGraph,
  type Value,
  type ValueId,
  valuesOf,
} from './graph.js';
export { axesOf, axisOf } from './kernel.js';
export { inferTypes, inputsOf, isKernelName, kernelNames } from './kernels.js';
export { reducedAxes, type ReductionName } from './reduce.js';
export {
  compacted,
  type ConstantData,
  type DType,
  dtypeOf,
  elementsOf,
  sameShape,
  type Shape,
  type TensorType,
} from './types.js';
