/**
 * `tfjs-native/webgpu`: the GPU's convolutions and products one by one, as programs that are pure functions
 * of shapes, buffer names and what a device offers; and how a program is run, timed and checked. For
 * benchmarks and for your own kernels.
 *
 * @module tfjs-native/webgpu
 */
export { webgpuDevice } from './engines/index.js';
export {
  checkKernels,
  type ConvOptions,
  convFilterGradient,
  convForward,
  convInputGradient,
  featuresFor,
  type FilterGradientBuffers,
  fmaTiles,
  type ForwardBuffers,
  type ForwardOptions,
  type Geometry,
  type GpuDispatch,
  type GpuFeatures,
  gpuFeatures,
  type GpuProgram,
  type InputGradientBuffers,
  type KernelCheck,
  kernelSelfTest,
  matMul,
  type MatMulBuffers,
  type MatMulShape,
  matrixTiles,
  type MatrixUnits,
  prepareProgram,
  type PreparedProgram,
  readFloats,
  runPrepared,
  runProgram,
  type Shape,
  type SubgroupMatrix,
  type Tile,
  timeProgram,
  type Timing,
  type TimingOptions,
  trustedFeatures,
  uploadFloats,
  type Way,
  waysOf,
} from './webgpu/index.js';
