/**
 * A graph on the GPU: lowered to WGSL kernels of our own, which are built once and replayed for each call.
 * And these kernels by themselves: what a device offers to them, how they are run, timed and checked.
 */
export type { MatrixUnits } from '../engines/index.js';
export type { Shape } from '../ops/index.js';
export { checkKernels, type KernelCheck, trustedFeatures } from './check.js';
export {
  type ConvOptions,
  convFilterGradient,
  convForward,
  convInputGradient,
  type FilterGradientBuffers,
  type ForwardBuffers,
  type ForwardOptions,
  type Geometry,
  type InputGradientBuffers,
  matMul,
  type MatMulBuffers,
  type MatMulShape,
  type Tile,
} from './conv/index.js';
export { fmaTiles, matrixTiles } from './conv/tile.js';
export { featuresFor, gpuDeviceInfo } from './device.js';
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
export { gpuLacks } from './lower/kinds.js';
export { kernelSelfTest, type Way, waysOf } from './selfTest.js';
export { createGpuStep } from './step.js';
export { timeProgram, type Timing, type TimingOptions } from './time.js';
