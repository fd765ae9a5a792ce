/** What the device of the WebGPU backend offers to compiled steps. */
import { currentBackend, webgpuDevice } from '../../backend/index.js';
import { gpuFeatures } from './features.js';
import type { GpuFeatures } from './program.js';

export interface GpuDeviceInfo {
  readonly device: GPUDevice;
  readonly features: GpuFeatures;
  /** Storage buffers that a shader can bind. */
  readonly mostBuffers: number;
  /** True for a GPU that is emulated on the CPU. */
  readonly software: boolean;
  /** The adapter in words. */
  readonly adapter: string;
}

/** The device that backend webgpu runs on; undefined while it is not started. */
export function gpuDeviceInfo(): GpuDeviceInfo | undefined {
  const device = webgpuDevice();
  if (!device) return undefined;
  const { vendor, architecture, description } = device.adapterInfo;
  return {
    device,
    software: currentBackend()?.software ?? false,
    mostBuffers: device.limits.maxStorageBuffersPerShaderStage,
    adapter: description || [vendor, architecture].filter(Boolean).join(' '),
    features: gpuFeatures(device),
  };
}
