/** What the device of the WebGPU backend offers to kernels. */
import { webgpuDevice } from '../../backend/index.js';
import type { GpuFeatures, SubgroupMatrix } from './program.js';

export interface GpuDeviceInfo {
  readonly device: GPUDevice;
  readonly features: GpuFeatures;
  /** Storage buffers that a shader can bind. */
  readonly mostBuffers: number;
  /** The adapter in words. */
  readonly adapter: string;
}

/** The device that backend webgpu runs on; undefined while it is not started. */
export function gpuDeviceInfo(): GpuDeviceInfo | undefined {
  const device = webgpuDevice();
  if (!device) return undefined;
  const { limits, adapterInfo } = device;
  const has = (name: string): boolean => device.features.has(name as GPUFeatureName);
  const matrix = has('chromium-experimental-subgroup-matrix') ? subgroupMatrix(adapterInfo) : undefined;
  return {
    device,
    mostBuffers: limits.maxStorageBuffersPerShaderStage,
    adapter:
      adapterInfo.description || [adapterInfo.vendor, adapterInfo.architecture].filter(Boolean).join(' '),
    features: {
      f16: has('shader-f16'),
      subgroups: has('subgroups'),
      ...(matrix && { subgroupMatrix: matrix }),
      maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
      maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    },
  };
}

/** Not in the types yet: it is an experiment of Dawn. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Of the shapes that the adapter multiplies, one of half precision that adds in single precision. */
function subgroupMatrix(info: GPUAdapterInfo): SubgroupMatrix | undefined {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  const fitting = [...subgroupMatrixConfigs].filter(
    ({ componentType, resultType }) => componentType === 'f16' && resultType === 'f32',
  );
  const best = fitting.sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K)[0];
  const size = info.subgroupMinSize;
  if (!best || size === undefined || size !== info.subgroupMaxSize) return undefined;
  return { m: best.M, n: best.N, k: best.K, component: 'f16', result: 'f32', subgroupSize: size };
}
