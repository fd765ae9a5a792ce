/**
 * Backend `tensorflow` on today's CUDA, without storage.googleapis.com: TensorFlow from PyPI, the binding
 * built here.
 *
 *     npm run setup:tensorflow                                  # with CUDA where there is an NVIDIA GPU
 *     npm run setup:tensorflow -- --cpu | --gpu                 # say which yourself
 *     npm run setup:tensorflow -- --site-packages ~/venv/lib/python3.12/site-packages   # a TensorFlow that is there
 *     npm run setup:tensorflow -- --wheel tensorflow-2.21.0-cp312-….whl
 *
 * Needs Linux, a C++ compiler, and Python 3.10 or newer for pip. Downloads stay in `--folder` (default
 * `.cache/tensorflow`), so that it can be interrupted and run again, and after `npm ci` is done in seconds.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { check } from 'oabn-base';
import { asCommand, runProgram } from '../../../base/scripts/program.js';
import { buildBinding, placeBinding } from './binding.js';
import { libraryIn, libraryOfPip, libraryOfWheel } from './library.js';
import { bringNpmPackage } from './npmPackage.js';

/** The version that the project is tested with. */
const testedVersion = '2.21.0';

const here = dirname(fileURLToPath(import.meta.url));
const project = resolve(here, '..', '..');

await asCommand('setup:tensorflow', async () => {
  const { values } = parseArgs({
    options: {
      cpu: { type: 'boolean', default: false },
      gpu: { type: 'boolean', default: false },
      version: { type: 'string', default: testedVersion },
      wheel: { type: 'string' },
      'site-packages': { type: 'string' },
      folder: { type: 'string', default: join(project, '.cache', 'tensorflow') },
    },
  });
  check(
    process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64'),
    `TensorFlow's library for C is in its Linux wheels alone, this is ${process.platform} ${process.arch}; backend ` +
      'webgpu uses the GPU here',
  );
  check(!(values.cpu && values.gpu), 'Say --cpu or --gpu, not both');
  const cache = resolve(values.folder);
  const gpu = values.gpu || (!values.cpu && existsSync('/dev/nvidiactl'));

  say('1/4 the npm package');
  const npmPackage = await bringNpmPackage(project);
  say(`2/4 TensorFlow ${gpu ? 'with CUDA' : 'for the CPU'}`);
  const library =
    values['site-packages'] !== undefined
      ? libraryIn(values['site-packages'])
      : values.wheel !== undefined
        ? await libraryOfWheel(resolve(values.wheel), cache)
        : await libraryOfPip(values.version, gpu, cache);
  say('3/4 the binding');
  const binding = await buildBinding(npmPackage, library, cache);
  const folder = await placeBinding(binding, npmPackage);
  say(`4/4 a try (${folder}, ${library.folder})`);
  await runProgram(
    process.execPath,
    ['--conditions=oabn-source', '--import', 'tsx', join(here, 'verify.ts')],
    {
      cwd: project,
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
      advice: 'The binding was built, but does not work with this TensorFlow.',
    },
  );
  say('Done: OABN_BACKEND=tensorflow, or auto on a machine with an NVIDIA GPU');
});

function say(line: string): void {
  process.stdout.write(`setup:tensorflow  ${line}\n`);
}
