/** What results record about the software and the engine that computed them. */
import { createRequire } from 'node:module';
import { packageVersions } from 'provable-runs';
import type { CompileEngine } from 'tfjs-native';

/** The versions of this library and of what computes beneath it. */
export function softwareVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const own = require('oabn/package.json') as { readonly version: string };
  const engines = {
    tfjs: '@tensorflow/tfjs',
    onnxruntime: 'onnxruntime-node',
    webgpu: 'webgpu',
    'tfjs-node-gpu': '@tensorflow/tfjs-node-gpu',
  };
  return { oabn: own.version, ...packageVersions(engines, require.resolve('tfjs-native/package.json')) };
}

/**
 * What runs the steps, for their provenance: the tfjs backend, or the native engine that they are compiled
 * for with the precision that it computes in where that is not float32, as in «webgpu, compiled, float16».
 */
export function engineName(backend: string, engine: CompileEngine): string {
  switch (engine.kind) {
    case 'onnxruntime':
      return `onnxruntime ${engine.version}, compiled`;
    case 'webgpu':
      return `${backend}, compiled${engine.precision === 'float32' ? '' : `, ${engine.precision}`}`;
    case 'eager':
      return `${backend}, eager`;
    default:
      return engine satisfies never;
  }
}
