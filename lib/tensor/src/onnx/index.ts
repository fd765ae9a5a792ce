/** A graph on the CPU, lowered to ONNX and run by ONNX Runtime; and ONNX files. */
export { onnxLacks } from './lower/index.js';
export { openOnnxModel, type OnnxModel } from './modelFile.js';
export { nativeMemory, releaseFreeBuffers } from './nativeBackend.js';
export {
  elementTypes,
  type ElementType,
  encodeModel,
  type ModelOptions,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './proto.js';
export { loadRuntime } from './runtime.js';
export { createOnnxStep } from './step.js';
