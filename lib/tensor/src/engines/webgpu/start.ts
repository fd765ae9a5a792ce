/**
 * WebGPU in Node: Dawn (npm `webgpu`) below `@tensorflow/tfjs-backend-webgpu`, with the limits and features
 * that the adapter has instead of the defaults of browsers. `navigator.gpu` exists only while tfjs's backend
 * looks for it: other packages take the presence of `navigator` for a browser.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StartedBackend } from '../backendInfo.js';
import { tf } from '../tf.js';
import {
  dawnOptions,
  describeAdapter,
  isSoftware,
  type MatrixUnits,
  matrixUnitsOf,
  probeAdapter,
} from './adapter.js';
import { guardDevice } from './failure.js';
import { completeWebgpuKernels } from './kernels.js';

/** Features that kernels can use; the ones the adapter has are enabled. */
const wantedFeatures = [
  ...['timestamp-query', 'shader-f16', 'subgroups', 'subgroup-size-control', 'bgra8unorm-storage'],
  ...['chromium-experimental-subgroup-matrix'],
] as GPUFeatureName[];

/** Limits that decide how large tensors and tiles may be; all are raised to the adapter's. */
const wantedLimits = [
  ...['maxBufferSize', 'maxStorageBufferBindingSize', 'maxUniformBufferBindingSize'],
  ...[
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupsPerDimension',
  ],
  ...['maxComputeWorkgroupSizeX', 'maxComputeWorkgroupSizeY', 'maxComputeWorkgroupSizeZ'],
  ...['maxStorageBuffersPerShaderStage', 'maxBindGroups', 'maxBindingsPerBindGroup'],
] as const;

interface Running {
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly matrixUnits: readonly MatrixUnits[];
  readonly started: StartedBackend;
}

let running: Running | undefined;

/** The device that the backend runs on, for kernels of our own; `undefined` while WebGPU is not started. */
export const webgpuDevice = (): GPUDevice | undefined => running?.device;

/**
 * The matrix shapes that the device's units multiply; none while WebGPU is not started or without such units.
 */
export const webgpuMatrixUnits = (): readonly MatrixUnits[] => running?.matrixUnits ?? [];

/** Makes 'webgpu' the backend of tfjs. @throws an Error that says why when no suitable GPU answers */
export async function startWebgpu(): Promise<StartedBackend> {
  if (!running) {
    const probe = await probeAdapter();
    if ('missing' in probe) throw new Error(probe.missing);
    const opened = await withRuntimeFolder(openDevice);
    // Only what is registered runs: otherwise the next attempt would skip what failed in this one.
    await registerBackend(opened.gpu, opened.device).catch((error: unknown) => {
      opened.device.destroy();
      throw error;
    });
    running = opened;
  }
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs-backend-webgpu did not start');
  return running.started;
}

async function openDevice(): Promise<Running> {
  const { create, globals } = await import('webgpu');
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const gpu = create([...dawnOptions]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('Dawn found a GPU in a first process and none in this one');
  const limits = adapter.limits as unknown as Record<string, number>;
  const device = await adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, limits[limit]!])),
  });
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  const { vendor, architecture, device: name, description } = adapter.info;
  const info = { vendor, architecture, device: name, description };
  const software = isSoftware(info);
  const started: StartedBackend = {
    device: describeAdapter(info),
    versions: { 'webgpu (Dawn)': version },
    software,
  };
  return { gpu, device, matrixUnits: matrixUnitsOf(adapter.info), started };
}

async function registerBackend(gpu: GPU, device: GPUDevice): Promise<void> {
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    const backend = new WebGPUBackend(device, device.adapterInfo);
    guardDevice(device, backend);
    completeWebgpuKernels();
    tf.registerBackend('webgpu', () => backend as unknown as tf.KernelBackend, 3);
  } finally {
    if (navigator) Object.defineProperty(globalThis, 'navigator', navigator);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
}

/** Mesa's loader complains on stderr when XDG_RUNTIME_DIR is not set, which is usual on servers. */
async function withRuntimeFolder<T>(work: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR) return work();
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-native-'));
  process.env.XDG_RUNTIME_DIR = folder;
  try {
    return await work();
  } finally {
    delete process.env.XDG_RUNTIME_DIR;
    rmSync(folder, { recursive: true, force: true });
  }
}
