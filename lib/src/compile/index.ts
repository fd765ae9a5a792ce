/** A pure tfjs function → traced once → run natively many times. */
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
