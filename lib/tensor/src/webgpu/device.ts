/** What the device of the WebGPU backend offers to compiled steps. */
import { currentBackend, type MatrixUnits, type Precision, webgpuDevice } from '../engines/index.js';
import { trustedFeatures } from './check.js';
import { gpuFeatures, withoutMatrixUnits } from './features.js';
import type { GpuFeatures } from './program.js';

export interface GpuDeviceInfo {
  readonly device: GPUDevice;
  /** What steps may use. */
  readonly features: GpuFeatures;
  /** Storage buffers that a shader can bind. */
  readonly mostBuffers: number;
  /** True for a GPU that is emulated on the CPU. */
  readonly software: boolean;
  /** The adapter in words. */
  readonly adapter: string;
}

/**
 * The device that backend webgpu runs on, for steps of a precision; undefined while it is not started. Matrix
 * units round what they multiply to half precision, so float32 does without them; float16 has them once they
 * have been found to compute correctly.
 */
export async function gpuDeviceInfo(precision: Precision): Promise<GpuDeviceInfo | undefined> {
  const device = webgpuDevice();
  if (!device) return undefined;
  const { vendor, architecture, description } = device.adapterInfo;
  return {
    device,
    software: currentBackend()?.software ?? false,
    mostBuffers: device.limits.maxStorageBuffersPerShaderStage,
    adapter: description || [vendor, architecture].filter(Boolean).join(' '),
    features: await featuresFor(device, precision),
  };
}

/** What steps of a precision may use of `device`; `matrixUnits` as in `gpuFeatures`. */
export async function featuresFor(
  device: GPUDevice,
  precision: Precision,
  matrixUnits?: readonly MatrixUnits[],
): Promise<GpuFeatures> {
  if (precision === 'float16') return trustedFeatures(device, matrixUnits);
  return withoutMatrixUnits(gpuFeatures(device, matrixUnits));
}
