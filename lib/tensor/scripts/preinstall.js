/**
 * Keeps ONNX Runtime's package from downloading what this one never uses. On Linux x64 the postinstall of
 * onnxruntime-node fetches CUDA libraries of some hundred megabytes from NuGet, and fails the whole installation where
 * that server cannot be reached. It does so only if the files are absent, and npm runs every `preinstall` before the
 * first `postinstall`: so this script puts a line of text in their places. Other package managers run the scripts in
 * another order, or none; there onnxruntime-node is optional, and `compile` says how to get it.
 *
 * ONNX Runtime opens these files only for `executionProviders: ['cuda']` or `['tensorrt']`. A project that lists
 * onnxruntime-node itself is left alone, and so are files that are there;
 * `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node` puts the real ones in place.
 *
 * Plain JavaScript, for it runs before anything is installed or built.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const files = ['cuda', 'shared', 'tensorrt'].map((name) => `libonnxruntime_providers_${name}.so`);
const text =
  'Not a library: see tfjs-native/scripts/preinstall.js. ' +
  'To get it: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node\n';

const folder = runtimeFolder();
if (folder && existsSync(folder) && !askedByProject()) {
  for (const name of files) {
    const file = join(folder, name);
    if (!existsSync(file)) writeFileSync(file, text);
  }
}

/** Where onnxruntime-node's installer looks for them; undefined where npm installed no onnxruntime-node. */
function runtimeFolder() {
  try {
    const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
    return join(dirname(manifest), 'bin/napi-v6/linux/x64');
  } catch {
    return undefined;
  }
}

/** Whether the project that is being installed names onnxruntime-node among its own dependencies. */
function askedByProject() {
  const { npm_config_local_prefix: project } = process.env;
  const manifest = project && join(project, 'package.json');
  if (!manifest || !existsSync(manifest)) return false;
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(manifest, 'utf8'));
  return 'onnxruntime-node' in { ...dependencies, ...devDependencies, ...optionalDependencies };
}
