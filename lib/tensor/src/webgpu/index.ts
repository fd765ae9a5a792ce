/** Programs of our own on the GPU: what they are, what a device offers to them, how they are run, timed and checked. */
export { checkKernels, type KernelCheck, trustedFeatures } from './check.js';
export * from './conv/index.js';
export { featuresFor } from './device.js';
export { gpuFeatures } from './features.js';
export type { GpuDispatch, GpuFeatures, GpuProgram, SubgroupMatrix } from './program.js';
export {
  prepareProgram,
  type PreparedProgram,
  readFloats,
  runPrepared,
  runProgram,
  uploadFloats,
} from './run.js';
export { kernelSelfTest, waysOf } from './selfTest.js';
export { timeProgram, type Timing, type TimingOptions } from './time.js';
