/**
 * `compile`: a pure tfjs function → traced once → run natively, any number of times.
 *
 *     const step = await compile(trainStep, [state, batch]);
 *     const { state: next, loss } = await step(state, batch);
 *
 * How it gets there: `trace` records the kernels of one call, `optimize` simplifies the graph, and an engine
 * takes it from there. On a CPU it becomes an ONNX graph that ONNX Runtime runs on all cores; on a GPU it
 * becomes a list of WGSL kernels that WebGPU replays. What a step returns lives where the engine computes,
 * and goes into the next call without a copy.
 */
import { UserError } from 'oabn-base';
import { eagerByDefault, type Precision, precisionByDefault, tf } from './engines/index.js';
import { createOnnxStep, loadRuntime } from './onnx/index.js';
import { type Graph, printGraph } from './ops/index.js';
import {
  type EngineStep,
  type Flat,
  flatten,
  mapTensors,
  optimize,
  trace,
  unflatten,
} from './trace/index.js';
import type { GpuFeatures } from './webgpu/index.js';

/** Where a compiled step would run now, given the active tfjs backend. */
export type CompileEngine =
  | { readonly kind: 'onnxruntime'; readonly version: string; readonly block: number }
  | {
      readonly kind: 'webgpu';
      readonly adapter: string;
      /** The features of the device that steps use. */
      readonly features: GpuFeatures;
      /** The precision that was asked for, if the device has it. */
      readonly precision: Precision;
    }
  | { readonly kind: 'eager'; readonly reason: string };

/** How a function is compiled; every option has a default that fits this machine. */
export interface CompileOptions {
  /** Run the function as it is; default: if `OABN_EAGER` is 1. */
  readonly eager?: boolean;
  /** Number of threads on the CPU; default: all cores. */
  readonly threads?: number;
  /**
   * `float16`: products and convolutions round what they multiply to half precision, and add in single
   * precision; all tensors stay float32. Only on a GPU that supports it; elsewhere a warning says so, and
   * float32 is used. Default `OABN_PRECISION`, or float32.
   */
  readonly precision?: Precision;
  /**
   * Called once per reason when a step is not compiled, or not with the precision asked for; default
   * `console.warn`.
   */
  readonly warn?: (message: string) => void;
}

/** What compiling made of a function, in numbers. */
export interface CompileStats {
  /** What runs the step. */
  readonly engine: CompileEngine;
  /** tfjs kernels that one eager call runs. */
  readonly tracedKernels: number;
  /** Kernels in the simplified graph. */
  readonly kernels: number;
  /** Nodes of the ONNX graph; 0 on other engines. */
  readonly nodes: number;
  /** Dispatches of one call on the GPU; 0 on other engines. */
  readonly dispatches: number;
  /** Time for tracing, lowering and loading. */
  readonly milliseconds: number;
  /** Calls so far. */
  readonly calls: number;
}

/** A compiled function: called like the function itself, it returns a promise of the same result. */
export interface Compiled<Args extends readonly unknown[], Result> {
  /**
   * Runs the step. Arguments must have the structure, shapes and constants of the example, and must not be
   * disposed before the promise is fulfilled. The caller owns the tensors of the result.
   */
  (...args: Args): Promise<Awaited<Result>>;
  /** Frees the native graph, once however often it is called; later calls of the step are refused. */
  readonly dispose: () => Promise<void>;
  /** The graph, one kernel a line; empty for an eager step. */
  readonly print: () => string;
  /** What the engine runs, one dispatch a line on a GPU; empty on other engines. */
  readonly printProgram: () => string;
  /**
   * Runs the step once without keeping its results: milliseconds by what is dispatched. Undefined where the
   * engine has no clock of its own.
   */
  readonly profile: (...args: Args) => Promise<Readonly<Record<string, number>> | undefined>;
  /** What was compiled. */
  readonly stats: CompileStats;
}

/**
 * The engine for the active backend: native for `wasm`, `cpu` and `webgpu`, eager where it cannot load and
 * elsewhere. Only a GPU has a precision other than float32.
 */
export async function compileEngine(asked: Precision = precisionByDefault()): Promise<CompileEngine> {
  const backend = tf.getBackend();
  if (backend === 'webgpu') {
    const { gpuDeviceInfo } = await loadGpu();
    const info = await gpuDeviceInfo(asked);
    if (info) {
      const { adapter, features } = info;
      return { kind: 'webgpu', adapter, features, precision: features.f16 ? asked : 'float32' };
    }
    return { kind: 'eager', reason: 'backend webgpu was not started by useBackend' };
  }
  if (backend !== 'wasm' && backend !== 'cpu') {
    return { kind: 'eager', reason: `on backend ${backend}, tfjs runs each kernel natively` };
  }
  const runtime = await loadRuntime();
  if (runtime.kind === 'missing') return { kind: 'eager', reason: runtime.reason };
  return { kind: 'onnxruntime', version: runtime.version, block: runtime.block };
}

/**
 * Compiles `step` for arguments like `exampleArgs`: trees (records and arrays) of tensors; numbers and
 * strings in them are constants. The step must be pure: no reading of values, no assignment to variables.
 * @throws UserError if the step reads values, or runs a kernel that the compiler does not know.
 */
export async function compile<Args extends readonly unknown[], Result>(
  step: (...args: Args) => Result,
  exampleArgs: Args,
  options: CompileOptions = {},
): Promise<Compiled<Args, Result>> {
  const start = performance.now();
  const { eager = eagerByDefault(), precision = precisionByDefault() } = options;
  const engine: CompileEngine = eager
    ? { kind: 'eager', reason: 'as asked' }
    : await compileEngine(precision);
  warnOfPrecision(engine, precision, options.warn);
  if (engine.kind === 'eager') {
    const expected = eager || tf.getBackend() === 'tensorflow';
    if (!expected)
      warnOnce(`Steps run eagerly, which is several times slower: ${engine.reason}`, options.warn);
    return eagerStep(step, engine);
  }
  const example = flatten(exampleArgs);
  checkNotDisposed(example);
  const traced = trace(step as (...args: never[]) => unknown, exampleArgs);
  const graph = optimize(traced.graph);
  if (graph.results.length === 0)
    throw new UserError('A compiled step must return a tensor; this one returns none, so nothing would run');
  const native = await createStep(graph, engine, options.threads);
  const stats = {
    engine,
    tracedKernels: kernelCount(traced.graph),
    kernels: kernelCount(graph),
    nodes: native.nodes,
    dispatches: native.dispatches,
    milliseconds: performance.now() - start,
    calls: 0,
  };
  let released: Promise<void> | undefined;
  const checked = (args: Args): readonly tf.Tensor[] => {
    if (released) throw new UserError('This compiled step has been disposed; compile it again');
    const given = flatten(args);
    checkArguments(example, given);
    checkNotDisposed(given);
    return given.tensors;
  };
  const run = async (...args: Args): Promise<Awaited<Result>> => {
    const inputs = checked(args);
    stats.calls++;
    return unflatten(traced.result, await native.run(inputs)) as Awaited<Result>;
  };
  const profile = async (...args: Args) => native.profile(checked(args));
  const dispose = async (): Promise<void> => await (released ??= native.release());
  return Object.assign(run, {
    dispose,
    profile,
    print: () => printGraph(graph),
    printProgram: native.print,
    stats,
  });
}

/**
 * Loaded only when it is needed: it is a third of the package's files, and a process that computes on a CPU
 * has no use for them.
 */
const loadGpu = () => import('./webgpu/index.js');

async function createStep(
  graph: Graph,
  engine: Exclude<CompileEngine, { readonly kind: 'eager' }>,
  threads: number | undefined,
): Promise<EngineStep> {
  if (engine.kind === 'onnxruntime') return createOnnxStep(graph, threads);
  const { createGpuStep } = await loadGpu();
  return createGpuStep(graph, engine.precision);
}

/** Warns where the precision that was asked for is not available. */
function warnOfPrecision(engine: CompileEngine, precision: Precision, warn: CompileOptions['warn']): void {
  if (precision === 'float32' || (engine.kind === 'webgpu' && engine.precision === precision)) return;
  const reason =
    engine.kind === 'webgpu'
      ? `the GPU (${engine.adapter}) lacks the feature shader-f16, or computes wrongly with it`
      : `steps run ${engine.kind === 'eager' ? 'eagerly' : 'on the CPU'}`;
  warnOnce(`Precision ${precision} cannot be used, steps compute in float32: ${reason}`, warn);
}

function eagerStep<Args extends readonly unknown[], Result>(
  step: (...args: Args) => Result,
  engine: CompileEngine,
): Compiled<Args, Result> {
  const stats = { engine, tracedKernels: 0, kernels: 0, nodes: 0, dispatches: 0, milliseconds: 0, calls: 0 };
  const run = async (...args: Args): Promise<Awaited<Result>> => {
    stats.calls++;
    // The caller disposes of results, but not thereby of arguments that the step returns as it got them.
    return tf.tidy(() => {
      const result: unknown = step(...args);
      return mapTensors(result, (tensor) => tf.clone(tensor)) as tf.TensorContainer;
    }) as Awaited<Result>;
  };
  return Object.assign(run, {
    dispose: () => Promise.resolve(),
    profile: () => Promise.resolve(undefined),
    print: () => '',
    printProgram: () => '',
    stats,
  });
}

const warned = new Set<string>();

function warnOnce(text: string, warn = (message: string): void => console.warn(message)): void {
  if (warned.has(text)) return;
  warned.add(text);
  warn(text);
}

function kernelCount({ nodes }: Graph): number {
  return nodes.filter((node) => node.kind === 'kernel').length;
}

/** @throws UserError that names the first argument that is not like the example's. */
function checkArguments(example: Flat, given: Flat): void {
  if (given.structure === example.structure) return;
  example.paths.forEach((path, i) => {
    const [want, got] = [example.tensors[i]!, given.tensors[i]];
    const found = got && given.paths[i] === path ? `${got.dtype}[${got.shape}]` : 'not there';
    const type = `${want.dtype}[${want.shape}]`;
    if (found !== type) {
      throw new UserError(
        `The compiled step was traced with "${path}" as ${type}, now it is ${found}; compile it for this shape too`,
      );
    }
  });
  throw new UserError(
    'The arguments of the compiled step have another structure or other constants than when it was traced; ' +
      'pass what changes as tensors, or compile it again',
  );
}

/** @throws UserError that names the first tensor that has been disposed of. */
function checkNotDisposed({ tensors, paths }: Flat): void {
  const gone = tensors.findIndex(({ isDisposed }) => isDisposed);
  if (gone < 0) return;
  throw new UserError(
    `The tensor "${paths[gone]}" has been disposed of (by tf.dispose, or as tf.tidy ended); keep it until the call, with tf.keep inside tf.tidy`,
  );
}
