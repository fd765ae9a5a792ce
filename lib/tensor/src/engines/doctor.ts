/** What this machine has and which of it is used, as data; `formatDoctor` puts it in words. */
import { cpus, totalmem } from 'node:os';
import { createRequire } from 'node:module';
import { errorMessage } from 'oabn-base';
import {
  type BackendInfo,
  type BackendName,
  backendNames,
  howToGet,
  type StartedBackend,
} from './backendInfo.js';
import { importOnnxRuntime } from './onnxRuntime.js';
import { tensorflowUsesGpu } from './tensorflow/start.js';
import { selfTest, type SelfTest } from './selfTest.js';
import { type BackendChoice, choiceOfEnvironment, startBackend, useBackend } from './useBackend.js';
import { type Adapter, probeAdapter } from './webgpu/adapter.js';

/** Whether a backend can be used here. */
export interface BackendFinding {
  /** The backend. */
  readonly name: BackendName;
  /** Whether it works on this machine. */
  readonly found: boolean;
  /** The device if it was found, else why it was not. */
  readonly detail: string;
  /** How to get it, if it was not found, or how to make it faster. */
  readonly advice?: string;
}

/** Whether onnxruntime's native binding loads, which compiled steps on a CPU run on. */
export type OnnxRuntime =
  { readonly loads: true; readonly version: string } | { readonly loads: false; readonly reason: string };

/** What a machine has, what is missing, and what runs; `formatDoctor` puts it in words. */
export interface DoctorReport {
  /** The version of Node, and whether it is supported. */
  readonly node: { readonly version: string; readonly supported: boolean };
  /** Operating system and processor family, such as «linux x64». */
  readonly platform: string;
  /** The processor, its logical cores, and the main memory in bytes. */
  readonly cpu: { readonly model: string; readonly cores: number; readonly memoryBytes: number };
  /** What was found out about each backend. */
  readonly backends: readonly BackendFinding[];
  /** The GPU that WebGPU would use, with its features. */
  readonly adapter?: Adapter;
  /** What was asked for: OABN_BACKEND, or `auto`. */
  readonly choice: BackendChoice;
  /** The backend that runs, unless the one that was asked for is missing. */
  readonly chosen?: BackendInfo;
  /** Why no backend could be chosen, if none could. */
  readonly failure?: string;
  /** Whether steps can be compiled for the CPU. */
  readonly onnxruntime: OnnxRuntime;
  /** Results of small computations on the chosen backend. */
  readonly selfTest: readonly SelfTest[];
}

/**
 * Looks for every backend, starts the chosen one and tests it: a few seconds.
 * @throws UserError when OABN_BACKEND is not a name of a backend; a missing backend is part of the report
 */
export async function doctor(): Promise<DoctorReport> {
  const choice = choiceOfEnvironment();
  const probe = await probeAdapter();
  const backends: BackendFinding[] = [];
  for (const name of backendNames) backends.push(await look(name));
  let chosen: BackendInfo | undefined;
  let failure: string | undefined;
  try {
    chosen = await useBackend(choice);
  } catch (error) {
    failure = errorMessage(error);
  }
  const [first] = cpus();
  return {
    node: { version: process.versions.node, supported: nodeIsSupported(process.versions.node) },
    platform: `${process.platform} ${process.arch}`,
    cpu: { model: first?.model.trim() ?? 'unknown', cores: cpus().length, memoryBytes: totalmem() },
    backends,
    ...('adapter' in probe ? { adapter: probe.adapter } : {}),
    choice,
    ...(chosen ? { chosen } : { failure: failure ?? '' }),
    onnxruntime: await lookForOnnxRuntime(),
    selfTest: chosen ? await selfTest(chosen.name === 'wasm' || chosen.software ? 384 : 2048) : [],
  };
}

const noGpuAdvice = 'give this machine or container an NVIDIA GPU with its driver (nvidia-smi shows it)';

async function look(name: BackendName): Promise<BackendFinding> {
  try {
    const { device }: StartedBackend = await startBackend(name);
    const slow = name === 'tensorflow' && !tensorflowUsesGpu();
    return { name, found: true, detail: device, ...(slow && { advice: noGpuAdvice }) };
  } catch (error) {
    return { name, found: false, detail: errorMessage(error), advice: howToGet[name] };
  }
}

/** Node 20.19 is the first version that loads ES modules by `require`, which the packages below need. */
export function nodeIsSupported(version: string): boolean {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return major > 20 || (major === 20 && minor >= 19);
}

async function lookForOnnxRuntime(): Promise<OnnxRuntime> {
  try {
    await importOnnxRuntime();
    const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as {
      version: string;
    };
    return { loads: true, version };
  } catch (error) {
    return { loads: false, reason: errorMessage(error).split('\n')[0]! };
  }
}
