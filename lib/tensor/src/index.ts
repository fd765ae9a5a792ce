/**
 * TensorFlow.js at native speed in Node: `useBackend` chooses the engine, `tf` is the one instance of
 * TensorFlow.js that runs on it, and `compile` takes a pure tfjs function, traces it once, and runs it
 * natively many times.
 *
 * In addition: `tfjs-native/onnx` writes and runs ONNX files, `tfjs-native/webgpu` has the GPU's kernels one
 * by one.
 *
 * @module tfjs-native
 */
export { tf } from './engines/index.js';

// The engine
export {
  type BackendChoice,
  type BackendInfo,
  type BackendName,
  backendNames,
  currentBackend,
  fallbackMessage,
  type Rejection,
  useBackend,
} from './engines/index.js';

// Compiled steps
export {
  compile,
  type Compiled,
  compileEngine,
  type CompileEngine,
  type CompileOptions,
  type CompileStats,
} from './compile.js';
export { eagerByDefault, type Precision, precisionByDefault, threadsAsked } from './engines/index.js';
export type { GpuFeatures, SubgroupMatrix } from './webgpu/index.js';

// What this machine has, and what is in use
export {
  type Adapter,
  type BackendFinding,
  doctor,
  type DoctorReport,
  formatDoctor,
  formatSelfTest,
  type MemoryUse,
  memoryUse,
  type OnnxRuntime,
  selfTest,
  type SelfTest,
} from './engines/index.js';
export { nativeMemory, releaseFreeBuffers } from './onnx/index.js';
