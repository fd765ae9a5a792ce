/**
 * libtensorflow through `@tensorflow/tfjs-node-gpu`: CUDA kernels and, without a GPU, its own CPU kernels.
 * The package is an optional dependency; where its native binding is missing or does not load, the package
 * counts as missing, with the reason.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { errorMessage } from 'oabn-base';
import type { StartedBackend } from '../backendInfo.js';
import { tf } from '../tf.js';
import { completeTensorflowKernels } from './kernels.js';

interface NodePackage {
  readonly version: Record<string, string>;
}

interface NodeBackend extends tf.KernelBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
}

/** Makes 'tensorflow' the backend of tfjs. @throws an Error that says why it cannot be */
export async function startTensorflow(): Promise<StartedBackend> {
  if (!tf.engine().registryFactory.tensorflow) await loadBinding();
  if (!(await tf.setBackend('tensorflow'))) throw new Error('libtensorflow did not start');
  const { binding } = tf.backend() as NodeBackend;
  const { version } = createRequire(import.meta.url)(packageName) as NodePackage;
  return {
    device: tensorflowUsesGpu() ? `${nvidiaModel() ?? 'GPU'} (CUDA)` : 'CPU (libtensorflow found no GPU)',
    versions: { [packageName]: version['tfjs-node'] ?? 'unknown', libtensorflow: binding.TF_Version },
    software: false,
  };
}

/**
 * Whether the backend, once started, computes on a GPU; without one it uses TensorFlow's kernels for the CPU.
 */
export const tensorflowUsesGpu = (): boolean =>
  (tf.findBackend('tensorflow') as NodeBackend | null)?.isUsingGpuDevice === true;

/** The first card's name as NVIDIA's driver gives it on Linux, such as «NVIDIA H100 80GB HBM3». */
function nvidiaModel(cards = '/proc/driver/nvidia/gpus'): string | undefined {
  try {
    const [card] = readdirSync(cards).sort();
    return /^Model:\s*(.*\S)/m.exec(readFileSync(join(cards, card!, 'information'), 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function loadBinding(): Promise<void> {
  restoreUtilities();
  // Unless the user says otherwise: no messages about each card and instruction set, and memory only as it is
  // needed.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  try {
    await import(packageName);
    completeTensorflowKernels();
  } catch (error) {
    throw new Error(missingBinding(errorMessage(error)));
  }
}

/** Not a literal: the package is optional, and the library must build without it. */
const packageName: string = '@tensorflow/tfjs-node-gpu';

function missingBinding(message: string): string {
  if (/^Cannot find (package|module)/.test(message))
    return `the optional package ${packageName} is not installed`;
  if (/tfjs_binding\.node\) can not be found/.test(message)) {
    return `${packageName} is there without its native binding (its install script did not run or could not download; npm run setup:tensorflow builds it)`;
  }
  return `the native binding of ${packageName} does not load: ${message.split('\n')[0]}`;
}

/** tfjs-node 4.22 calls two functions of node:util that Node 23 removed. */
function restoreUtilities(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown): boolean => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
