/**
 * libtensorflow through `@tensorflow/tfjs-node-gpu`: CUDA kernels and, without a GPU, its own CPU kernels. The package
 * is an optional dependency; one whose native binding is missing or does not load counts as missing, with the reason.
 */
import { createRequire } from 'node:module';
import { errorMessage } from '../base/index.js';
import type { StartedBackend } from './backendInfo.js';
import { tf } from './tf.js';

interface NodeBinding {
  readonly version: Record<string, string>;
}

/** Makes 'tensorflow' the backend of tfjs. @throws an Error that says why it cannot be */
export async function startTensorflow(): Promise<StartedBackend> {
  if (!tf.engine().registryFactory.tensorflow) await loadBinding();
  if (!(await tf.setBackend('tensorflow'))) throw new Error('libtensorflow did not start');
  const backend = tf.backend() as tf.KernelBackend & { isUsingGpuDevice?: boolean };
  const { version } = createRequire(import.meta.url)(packageName) as NodeBinding;
  const gpu = backend.isUsingGpuDevice === true;
  return {
    device: gpu ? 'CUDA GPU (libtensorflow)' : 'CPU (libtensorflow found no GPU)',
    versions: { [packageName]: version['tfjs-node'] ?? 'unknown' },
    software: false,
  };
}

async function loadBinding(): Promise<void> {
  restoreUtilities();
  try {
    await import(packageName);
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
    return `${packageName} is there without its native binding (its install script did not run or could not download)`;
  }
  return `the native binding of ${packageName} does not load: ${message.split('\n')[0]}`;
}

/** tfjs-node 4.22 calls two functions of node:util that Node 23 removed. */
function restoreUtilities(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown): boolean => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
