/**
 * ONNX Runtime as it comes in the npm package `onnxruntime-node`: loading it, asking what it can do, and
 * running one graph. Feeds and results are typed arrays; the engine reads and writes them in place.
 */
import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { errorMessage } from 'oabn-base';
import { importOnnxRuntime, type OnnxRuntimeModule, threadsAsked } from '../engines/index.js';
import type { ConstantData } from '../ops/index.js';
import { nchwc, opsets } from './builder.js';
import { encodeModel, type ElementType, type OnnxGraph, type OnnxValueInfo } from './proto.js';

export type Runtime = OnnxRuntimeModule;

export type RuntimeState =
  | { readonly kind: 'ready'; readonly runtime: Runtime; readonly block: number; readonly version: string }
  | { readonly kind: 'missing'; readonly reason: string };

let state: Promise<RuntimeState> | undefined;

/** Loads the engine once; the result says why if it cannot be used. */
export function loadRuntime(): Promise<RuntimeState> {
  state ??= load();
  return state;
}

async function load(): Promise<RuntimeState> {
  try {
    const runtime = await importOnnxRuntime();
    const block = await blockSize(runtime);
    if (block === undefined) {
      return { kind: 'missing', reason: 'onnxruntime-node has no blocked convolutions for this processor' };
    }
    return { kind: 'ready', runtime, block, version: runtime.env.versions.node ?? 'unknown' };
  } catch (error) {
    return { kind: 'missing', reason: whyMissing(error) };
  }
}

/**
 * npm leaves the package out where its install script fails, which it does where it cannot download what it
 * needs.
 */
function whyMissing(error: unknown): string {
  const [message] = errorMessage(error).split('\n');
  return /^Cannot find (package|module) '?onnxruntime-node/.test(message!)
    ? 'onnxruntime-node is not installed; «npm install --ignore-scripts» gets it, without the downloads of its install script'
    : `onnxruntime-node does not load: ${message!}`;
}

/**
 * How many channels lie side by side in this processor's blocked layout. Reordering 16 channels of 2
 * positions, numbered in their order, shows it: in blocks of B, element B is the second position of channel
 * 0.
 */
async function blockSize(runtime: Runtime): Promise<number | undefined> {
  const value = (name: string): OnnxValueInfo => ({ name, type: 'float32', shape: [1, 16, 1, 2] });
  const node = { op: 'ReorderInput', domain: nchwc, inputs: ['x'], outputs: ['y'], attributes: {} };
  const graph = { nodes: [node], initializers: new Map(), inputs: [value('x')], outputs: [value('y')] };
  const session = await createSession(runtime, graph, 1);
  const y = new Float32Array(32);
  await session.run([Float32Array.from({ length: 32 }, (_, i) => i)], [y]);
  await session.release();
  return [8, 16].find((size) => y[size] === 1);
}

export interface Session {
  /** Writes the results for `inputs` into `outputs`; both in the order of the graph. */
  readonly run: (inputs: readonly ConstantData[], outputs: readonly ConstantData[]) => Promise<void>;
  /** Writes the engine's profile, if the options asked for one. */
  readonly endProfiling: () => void;
  readonly release: () => Promise<void>;
}

export async function createSession(
  runtime: Runtime,
  graph: OnnxGraph,
  threads = threadsAsked() ?? availableParallelism(),
  options: InferenceSession.SessionOptions = {},
): Promise<Session> {
  const session = await runtime.InferenceSession.create(encodeModel(graph, opsets), {
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // A memory pattern is one more block as large as the peak, besides the arena that the first run filled:
    // 1.6 times the memory of a step, and no time gained.
    enableMemPattern: false,
    // Threads that wait spin for 200 µs: most gaps between parallel operators are shorter. Spinning for less
    // loses a twentieth of a step on a quiet machine, spinning for longer as much beside another process.
    extra: { session: { intra_op: { spin_duration_us: '200' } } },
    ...options,
  });
  const tensors = (infos: readonly OnnxValueInfo[], data: readonly ConstantData[]): Record<string, Tensor> =>
    Object.fromEntries(
      infos.map(({ name, type, shape }, i) => [name, makeTensor(runtime, type, data[i]!, shape)]),
    );
  return {
    run: async (inputs, outputs) => {
      const fetches = tensors(graph.outputs, outputs);
      const results = await session.run(tensors(graph.inputs, inputs), fetches);
      graph.outputs.forEach(({ name }, i) => {
        const data = results[name]!.data as ConstantData;
        if (data !== outputs[i]) outputs[i]!.set(data);
      });
    },
    endProfiling: () => session.endProfiling(),
    release: () => session.release(),
  };
}

function makeTensor(
  runtime: Runtime,
  type: ElementType,
  data: ConstantData,
  shape: readonly number[],
): Tensor {
  return new runtime.Tensor(type as 'float32', data as Float32Array, shape);
}
