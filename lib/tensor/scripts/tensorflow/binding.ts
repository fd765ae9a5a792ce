/**
 * The N-API binding of @tensorflow/tfjs-node-gpu, compiled from the sources that its npm package ships
 * against the TensorFlow that is there, which it finds through its rpath.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, realpath, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { check, copyFileAtomic, sha256, UserError } from 'oabn-base';
import { outputOf, runProgram } from '../../../base/scripts/program.js';
import { libraryNames, type TensorflowLibrary } from './library.js';

/** Compiles the binding unless it is in the cache. Returns its path there. */
export async function buildBinding(
  npmPackage: string,
  { folder, headers }: TensorflowLibrary,
  cache: string,
): Promise<string> {
  const sources = join(npmPackage, 'binding');
  const files = readdirSync(sources).sort();
  const key = sha256([folder, ...files.map((name) => readFileSync(join(sources, name), 'utf8'))].join('\0'));
  const target = join(cache, `binding-${key.slice(0, 12)}`, 'tfjs_binding.node');
  if (existsSync(target)) return target;

  const compiler = await findCompiler();
  await mkdir(dirname(target), { recursive: true });
  const unfinished = `${target}.unfinished`;
  await runProgram(
    compiler,
    [
      ...['-O2', '-fPIC', '-shared', '-std=c++17', '-w', '-DNAPI_VERSION=8'],
      ...[`-I${await nodeHeaders(cache)}`, `-I${headers}`],
      ...files.filter((name) => name.endsWith('.cc')).map((name) => join(sources, name)),
      ...libraryNames.map((name) => join(folder, name)),
      ...[`-Wl,-rpath,${folder}`, '-o', unfinished],
    ],
    { advice: `Its first error says why; the headers are ${headers}.` },
  );
  await rename(unfinished, target);
  return target;
}

/**
 * Puts the binding where the package looks for it: the folder of the newest N-API that it and this Node know.
 */
export async function placeBinding(binding: string, npmPackage: string): Promise<string> {
  const { binary } = JSON.parse(readFileSync(join(npmPackage, 'package.json'), 'utf8')) as {
    binary: { module_path: string; napi_versions: number[] };
  };
  const napi = Math.max(
    ...binary.napi_versions.filter((version) => version <= Number(process.versions.napi)),
  );
  const target = join(npmPackage, binary.module_path.replace('{napi_build_version}', String(napi)));
  await copyFileAtomic(binding, join(target, 'tfjs_binding.node'));
  return target;
}

async function findCompiler(): Promise<string> {
  const names = process.env.CXX ? [process.env.CXX] : ['g++', 'clang++', 'c++'];
  for (const name of names) if ((await outputOf(name, ['--version'])) !== undefined) return name;
  throw new UserError(
    `No C++ compiler was found (${names.join(', ')}): apt-get install g++, or CXX=/path/to/compiler.`,
  );
}

/** The folder of node_api.h: this Node's own, the system's, or that of the npm package node-api-headers. */
async function nodeHeaders(cache: string): Promise<string> {
  const own = join(dirname(dirname(await realpath(process.execPath))), 'include', 'node');
  const system = ['/usr/include/node', '/usr/include/nodejs/src'];
  const found = [own, ...system].find((folder) => existsSync(join(folder, 'node_api.h')));
  if (found !== undefined) return found;
  const folder = join(cache, 'node-api-headers');
  const headers = join(folder, 'node_modules', 'node-api-headers', 'include');
  if (!existsSync(join(headers, 'node_api.h'))) {
    await mkdir(folder, { recursive: true });
    const options = ['--prefix', folder, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
    await runProgram('npm', ['install', ...options, 'node-api-headers@1'], {
      advice:
        "This Node comes without its headers, and npm could not bring them: install Node's development files.",
    });
  }
  check(existsSync(join(headers, 'node_api.h')), `${headers} has no node_api.h`);
  return headers;
}
