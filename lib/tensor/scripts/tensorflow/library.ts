/**
 * libtensorflow and its headers, from the PyPI package `tensorflow`: the wheel holds the same C library that
 * the binding was written for, built for today's CUDA, whose own libraries are packages beside it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { check, UserError } from 'oabn-base';
import { outputOf, runProgram } from '../../../base/scripts/program.js';

/** Where the pieces of one TensorFlow are. */
export interface TensorflowLibrary {
  /** Holds libtensorflow_cc.so.2 and libtensorflow_framework.so.2. */
  readonly folder: string;
  /** Holds tensorflow/c/c_api.h. */
  readonly headers: string;
}

export const libraryNames = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** The TensorFlow in a folder of Python packages. @throws UserError that names the missing file */
export function libraryIn(sitePackages: string): TensorflowLibrary {
  const folder = join(resolve(sitePackages), 'tensorflow');
  const headers = join(folder, 'include');
  for (const file of [
    ...libraryNames.map((name) => join(folder, name)),
    join(headers, 'tensorflow/c/c_api.h'),
  ]) {
    check(
      existsSync(file),
      `${file} is not there; give the folder that holds TensorFlow's folder «tensorflow»`,
    );
  }
  return { folder, headers };
}

/** Unpacks a wheel that the user has, once. */
export async function libraryOfWheel(wheel: string, cache: string): Promise<TensorflowLibrary> {
  check(existsSync(wheel), `There is no file ${wheel}`);
  check(
    /^tensorflow(_cpu)?-.*linux.*\.whl$/.test(wheel.replace(/^.*\//, '')),
    `${wheel} is no Linux wheel of tensorflow`,
  );
  const folder = join(cache, wheel.replace(/^.*\//, '').replace(/\.whl$/, ''));
  if (!existsSync(folder)) {
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    const unzip = (await outputOf('unzip', ['-v'])) !== undefined;
    const wanted = ['tensorflow/libtensorflow*', 'tensorflow/include/*'];
    await (unzip
      ? runProgram('unzip', ['-q', wheel, ...wanted, '-d', unfinished])
      : runProgram(await findPython(), ['-m', 'zipfile', '-e', wheel, unfinished]));
    await rename(unfinished, folder);
  }
  return libraryIn(folder);
}

/**
 * Installs `tensorflow` with pip into a virtual environment of its own, with the CUDA libraries for a GPU.
 */
export async function libraryOfPip(version: string, gpu: boolean, cache: string): Promise<TensorflowLibrary> {
  const environment = join(cache, `python-${version}-${gpu ? 'cuda' : 'cpu'}`);
  // pip writes the record of a package when its files are there.
  const record = `tensorflow-${version}.dist-info/RECORD`;
  const found = sitePackagesOf(environment);
  if (found !== undefined && existsSync(join(found, record)) && (!gpu || cudaIsIn(found)))
    return libraryIn(found);

  const python = await findPython();
  const pip = join(environment, 'bin', 'python');
  if (!existsSync(join(environment, 'bin', 'pip'))) {
    await mkdir(cache, { recursive: true });
    await runProgram(python, ['-m', 'venv', environment], {
      advice: 'Python needs its venv module (apt-get install python3-venv).',
    });
  }
  const what = gpu ? [`tensorflow[and-cuda]==${version}`] : ['--no-deps', `tensorflow==${version}`];
  await runProgram(pip, ['-m', 'pip', 'install', '--disable-pip-version-check', ...what], {
    advice:
      `TensorFlow ${version} has wheels for Python 3.10 to 3.13 on Linux; PYTHON=… names another interpreter, ` +
      '--wheel and --site-packages take what you have. What pip has downloaded it keeps for the next try.',
  });
  const installed = sitePackagesOf(environment);
  check(installed, `pip left no site-packages in ${environment}; delete that folder and try again`);
  return libraryIn(installed);
}

/** `PYTHON`, or the first Python 3 there is. @throws UserError when there is none */
async function findPython(): Promise<string> {
  for (const name of process.env.PYTHON ? [process.env.PYTHON] : ['python3', 'python']) {
    if ((await outputOf(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))'])) !== undefined)
      return name;
  }
  throw new UserError(
    `No Python 3.10 or newer was found (${process.env.PYTHON ?? 'python3, python'}). It is needed once, for pip: ` +
      'apt-get install python3-venv, or PYTHON=/path/to/python3.',
  );
}

function sitePackagesOf(environment: string): string | undefined {
  const lib = join(environment, 'lib');
  const [python] = existsSync(lib) ? readdirSync(lib).filter((name) => /^python3\.\d+$/.test(name)) : [];
  return python === undefined ? undefined : join(lib, python, 'site-packages');
}

/** cuDNN is the last of CUDA's libraries that TensorFlow needs. */
const cudaIsIn = (sitePackages: string): boolean => existsSync(join(sitePackages, 'nvidia', 'cudnn', 'lib'));
