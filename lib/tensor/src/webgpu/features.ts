/** What a device offers to kernels, and whether its kernels can be trusted. */
import { webgpuMatrixUnits } from '../engines/index.js';
import type { GpuFeatures, SubgroupMatrix } from './program.js';

/**
 * The features of `device`. `matrixUnits` are its adapter's, which a device does not report: default those
 * that WebGPU was started with.
 */
export function gpuFeatures(device: GPUDevice, matrixUnits = webgpuMatrixUnits()): GpuFeatures {
  const { features, limits } = device;
  const matrix = features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName)
    ? bestUnits(matrixUnits)
    : undefined;
  return {
    f16: features.has('shader-f16'),
    subgroups: features.has('subgroups'),
    ...(matrix ? { subgroupMatrix: matrix } : {}),
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
  };
}

/** Half-precision matrices with float32 sums, the largest; those that the kernels cannot use are left out. */
function bestUnits(units: readonly SubgroupMatrix[]): SubgroupMatrix | undefined {
  const volume = ({ m, n, k }: SubgroupMatrix): number => m * n * k;
  return units
    .filter(({ component, result }) => component === 'f16' && result === 'f32')
    .sort((a, b) => volume(b) - volume(a))[0];
}

/** The same features without the matrix units. */
export const withoutMatrixUnits = (features: GpuFeatures): GpuFeatures =>
  Object.fromEntries(
    Object.entries(features).filter(([name]) => name !== 'subgroupMatrix'),
  ) as unknown as GpuFeatures;
