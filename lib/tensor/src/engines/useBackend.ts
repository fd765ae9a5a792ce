/**
 * Choosing the engine: `tensorflow` (CUDA) where its binding loads, else `webgpu` where a real GPU answers,
 * else `wasm`. OABN_BACKEND or an argument forces one; a forced backend that is missing is an error, never a
 * fallback.
 */
import { cpus } from 'node:os';
import { check, errorMessage, UserError } from 'oabn-base';
import {
  type BackendInfo,
  type BackendName,
  backendNames,
  howToGet,
  type Rejection,
  type StartedBackend,
} from './backendInfo.js';
import { replaceReductionGradients } from './gradients.js';
import { startTensorflow, tensorflowUsesGpu } from './tensorflow/start.js';
import { chooseBackend, tf } from './tf.js';
import { startWasm } from './wasm/start.js';
import { startWebgpu } from './webgpu/start.js';

/** A backend by its name, or the best that there is. */
export type BackendChoice = 'auto' | BackendName;

let current: BackendInfo | undefined;
let saidFallback = false;
let pending: Promise<unknown> = Promise.resolve();

/** The backend that `useBackend` started last, or `undefined` before that. */
export const currentBackend = (): BackendInfo | undefined => current;

/**
 * Starts a backend and makes it the one that tfjs uses. Asking again for what already runs does nothing.
 *
 * @param choice `auto` takes the best there is; the default is OABN_BACKEND, or `auto`
 * @param say gets the message of a fallback, once in a process: what was not found, why, and how to get it
 * @throws UserError for an unknown name, and when the named backend cannot be used here, with how to get it
 */
export function useBackend(
  choice?: BackendChoice,
  say: (message: string) => void = () => undefined,
): Promise<BackendInfo> {
  const result = pending.then(() => select(choice ?? choiceOfEnvironment(), say));
  pending = result.catch(() => undefined);
  return result;
}

/** OABN_BACKEND, or `auto`. @throws UserError when it is none of the names */
export function choiceOfEnvironment(): BackendChoice {
  const name = process.env.OABN_BACKEND || 'auto';
  assertChoice(name, 'OABN_BACKEND');
  return name;
}

function assertChoice(name: string, source: string): asserts name is BackendChoice {
  const known: readonly string[] = ['auto', ...backendNames];
  check(known.includes(name), `${source} must be one of ${known.join(', ')}, got «${name}»`);
}

async function select(choice: BackendChoice, say: (message: string) => void): Promise<BackendInfo> {
  assertChoice(choice, 'The backend');
  if (current && (choice === 'auto' || choice === current.name)) {
    await tf.setBackend(current.name);
    return current;
  }
  current = choice === 'auto' ? await best() : await forced(choice);
  const message = fallbackMessage(current);
  if (message && !saidFallback) {
    saidFallback = true;
    say(message);
  }
  return current;
}

async function forced(name: BackendName): Promise<BackendInfo> {
  try {
    return infoOf(name, await startBackend(name), 'it was asked for', []);
  } catch (error) {
    throw new UserError(
      `Backend ${name} cannot be used here: ${errorMessage(error)}. To get it: ${howToGet[name]}.`,
    );
  }
}

/**
 * Without a GPU, libtensorflow runs each operation by itself on the CPU, where the library's steps are
 * compiled.
 */
const noGpu = 'libtensorflow found no GPU, and on a CPU compiled steps are faster';

async function best(): Promise<BackendInfo> {
  const tried: Rejection[] = [];
  for (const name of backendNames) {
    try {
      const started = await startBackend(name);
      if (name === 'tensorflow' && !tensorflowUsesGpu()) throw new Error(noGpu);
      const reason = tried.length === 0 ? 'the fastest there is' : 'the fastest that works here';
      return infoOf(name, started, reason, tried);
    } catch (error) {
      tried.push({ name, reason: errorMessage(error) });
    }
  }
  const reasons = tried.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new UserError(`No backend works here (${reasons}). ${howToGet.wasm}.`);
}

/** Starts `name` and makes it tfjs's backend. @throws an Error that says why it cannot be used */
export function startBackend(name: BackendName): Promise<StartedBackend> {
  replaceReductionGradients();
  chooseBackend();
  switch (name) {
    case 'tensorflow':
      return startTensorflow();
    case 'webgpu':
      return startWebgpu();
    case 'wasm':
      return startWasmOnCpu();
    default:
      return name satisfies never;
  }
}

async function startWasmOnCpu(): Promise<StartedBackend> {
  await startWasm();
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  return { device: `${model}, 1 thread, SIMD`, versions: {}, software: false };
}

function infoOf(
  name: BackendName,
  started: StartedBackend,
  reason: string,
  tried: readonly Rejection[],
): BackendInfo {
  const versions = { node: process.versions.node, tfjs: tf.version.tfjs, ...started.versions };
  return { name, ...started, versions, reason, tried };
}

/**
 * What to tell a user whose work does not run on a GPU though nobody asked for that; `undefined` if it does.
 */
export function fallbackMessage({ name, device, tried }: BackendInfo): string | undefined {
  if (tried.length === 0 || name !== 'wasm') return undefined;
  return (
    `No GPU is used; backend wasm runs on ${device}. «oabn doctor» says why, and what would be faster; ` +
    'OABN_BACKEND=wasm silences this.'
  );
}
