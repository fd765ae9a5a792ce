/**
 * TensorFlow.js at native speed: `useBackend` chooses the engine, `tf` is the one instance of TensorFlow.js that runs on it, and
 * `compile` takes a pure tfjs function, traces it once, and runs it natively many times.
 */
export * from './engines/index.js';
export {
  compile,
  compileEngine,
  type Compiled,
  type CompileEngine,
  type CompileOptions,
  type CompileStats,
  type Precision,
} from './compile.js';
export { eagerByDefault, precisionByDefault, threadsAsked } from './defaults.js';
export { nativeMemory, releaseFreeBuffers } from './nativeBackend.js';
export { openOnnxModel, type OnnxModel } from './onnx/modelFile.js';
export {
  elementTypes,
  encodeModel,
  type ModelOptions,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './onnx/proto.js';
export * as gpu from './webgpu/index.js';
