/**
 * Which engine runs tensors: `useBackend` chooses it, `tf` is the one instance of TensorFlow.js that runs on
 * it, and `doctor` says what this machine has.
 */
export { type BackendInfo, type BackendName, backendNames, type Rejection } from './backendInfo.js';
export { eagerByDefault, type Precision, precisionByDefault, threadsAsked } from './defaults.js';
export { type BackendFinding, doctor, type DoctorReport, type OnnxRuntime } from './doctor.js';
export { convolutionTerms, productTerms, relativeError, type Terms } from './exact.js';
export { formatDoctor, formatSelfTest } from './formatDoctor.js';
export { type MemoryUse, memoryUse } from './memoryUse.js';
export { importOnnxRuntime, type OnnxRuntimeModule } from './onnxRuntime.js';
export { selfTest, type SelfTest } from './selfTest.js';
export { tf } from './tf.js';
export { type BackendChoice, currentBackend, fallbackMessage, useBackend } from './useBackend.js';
export type { Adapter, MatrixUnits } from './webgpu/adapter.js';
export { checkDevice } from './webgpu/failure.js';
export { webgpuDevice, webgpuMatrixUnits } from './webgpu/start.js';
