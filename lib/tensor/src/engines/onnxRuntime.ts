/**
 * The one place where onnxruntime-node is loaded. Since version 1.30 it sends usage events to its vendor and
 * leaves a device id in the user's cache folder unless ORT_DISABLE_TELEMETRY is set when it is loaded. Nobody
 * who trains a network has asked for that, so it is set.
 */
import { isMainThread } from 'node:worker_threads';
import { UserError } from 'oabn-base';

export type OnnxRuntimeModule = typeof import('onnxruntime-node');

const variable = 'ORT_DISABLE_TELEMETRY';

/** onnxruntime-node with its telemetry switched off. @throws when it does not load */
export async function importOnnxRuntime(): Promise<OnnxRuntimeModule> {
  if (process.env[variable] !== '1') {
    // A worker thread has only a copy of the environment, which native code does not see.
    if (!isMainThread) {
      throw new UserError(
        `${variable}=1 must be set before a worker thread loads onnxruntime-node, because it would otherwise send usage events`,
      );
    }
    process.env[variable] = '1';
  }
  const module = (await import('onnxruntime-node')) as OnnxRuntimeModule & { default?: OnnxRuntimeModule };
  return module.default ?? module;
}
