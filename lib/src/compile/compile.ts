/**
 * `compile`: a pure tfjs function → traced once → run natively, any number of times.
 *
 *     const step = await compile(trainStep, [state, batch]);
 *     const { state: next, loss } = await step(state, batch);
 *
 * The way there: `trace` writes down the kernels of one call, `optimize` makes the graph smaller, `lowerGraph`
 * turns it into ONNX, and ONNX Runtime runs it on all cores. What a step returns lives in native buffers and
 * goes into the next call without a copy.
 */
import { tf } from '../backend/index.js';
import { UserError } from '../base/index.js';
import { type Graph, printGraph, type TensorType, valuesOf } from './ir.js';
import { elementsOfTensor, nativeTensor, takeBuffer } from './nativeBackend.js';
import { lowerGraph } from './onnx/lower.js';
import { createSession, loadRuntime, type Session } from './onnx/runtime.js';
import { optimize } from './optimize.js';
import { trace } from './trace.js';
import { flatten, type Flat, unflatten } from './tree.js';

/** Where a compiled step would run now, given the active tfjs backend. */
export type CompileEngine =
  | { readonly kind: 'onnxruntime'; readonly version: string; readonly block: number }
  | { readonly kind: 'eager'; readonly reason: string };

export interface CompileOptions {
  /** Run the function as it is. */
  readonly eager?: boolean;
  /** Default: all cores. */
  readonly threads?: number;
  /** Told, once per reason, when a step is not compiled; default `console.warn`. */
  readonly warn?: (message: string) => void;
}

export interface CompileStats {
  readonly engine: CompileEngine;
  /** tfjs kernels that one call runs eagerly, and what is left of them. */
  readonly tracedKernels: number;
  readonly kernels: number;
  /** Nodes of the ONNX graph. */
  readonly nodes: number;
  /** Time for tracing, lowering and loading. */
  readonly milliseconds: number;
  /** Calls so far. */
  readonly calls: number;
}

export interface Compiled<Args extends readonly unknown[], Result> {
  /**
   * Runs the step. Arguments must have the structure, shapes and constants of the example, and must not be
   * disposed before the promise is fulfilled. The caller owns the tensors of the result.
   */
  (...args: Args): Promise<Awaited<Result>>;
  /** Lets go of the native graph. */
  readonly dispose: () => Promise<void>;
  /** The graph, one kernel a line; empty for an eager step. */
  readonly print: () => string;
  readonly stats: CompileStats;
}

/** The engine for the active backend: native for `wasm` and `cpu`, eager for all others or where it cannot load. */
export async function compileEngine(): Promise<CompileEngine> {
  const backend = tf.getBackend();
  if (backend !== 'wasm' && backend !== 'cpu') {
    return { kind: 'eager', reason: `on backend ${backend}, tfjs runs each kernel natively` };
  }
  const runtime = await loadRuntime();
  if (runtime.kind === 'missing') return { kind: 'eager', reason: runtime.reason };
  return { kind: 'onnxruntime', version: runtime.version, block: runtime.block };
}

/**
 * Compiles `step` for arguments like `exampleArgs`: trees (records and arrays) of tensors; numbers and strings in
 * them are constants. The step must be pure: no reading of values, no assignment to variables.
 * @throws UserError if the step reads values, or runs a kernel that the compiler does not know.
 */
export async function compile<Args extends readonly unknown[], Result>(
  step: (...args: Args) => Result,
  exampleArgs: Args,
  options: CompileOptions = {},
): Promise<Compiled<Args, Result>> {
  const start = performance.now();
  const engine: CompileEngine = options.eager ? { kind: 'eager', reason: 'as asked' } : await compileEngine();
  const runtime = await loadRuntime();
  if (engine.kind === 'eager' || runtime.kind === 'missing') {
    if (runtime.kind === 'missing' && !options.eager) warnOnce(runtime.reason, options.warn);
    return eagerStep(step, engine);
  }
  const example = flatten(exampleArgs);
  const traced = trace(step as (...args: never[]) => unknown, exampleArgs);
  const graph = optimize(traced.graph);
  const lowered = lowerGraph(graph, runtime.block);
  const session = await createSession(runtime.runtime, lowered, options.threads);
  const stats = {
    engine,
    tracedKernels: kernelCount(traced.graph),
    kernels: kernelCount(graph),
    nodes: lowered.nodes.length,
    milliseconds: performance.now() - start,
    calls: 0,
  };
  let open = true;
  const run = async (...args: Args): Promise<Awaited<Result>> => {
    if (!open) throw new UserError('This compiled step has been disposed; compile it again');
    const given = flatten(args);
    checkArguments(example, given);
    stats.calls++;
    const tensors = await runSession(session, graph, given.tensors);
    return unflatten(traced.result, tensors) as Awaited<Result>;
  };
  const dispose = async (): Promise<void> => {
    if (open) await session.release();
    open = false;
  };
  return Object.assign(run, { dispose, print: () => printGraph(graph), stats });
}

async function runSession(
  session: Session,
  graph: Graph,
  inputs: readonly tf.Tensor[],
): Promise<tf.Tensor[]> {
  const values = valuesOf(graph);
  const types: TensorType[] = graph.results.map((id) => values.get(id)!);
  const outputs = types.map(({ dtype, shape }) => takeBuffer(dtype, shape));
  await session.run(inputs.map(elementsOfTensor), outputs);
  return outputs.map((data, i) => nativeTensor(data, types[i]!.dtype, types[i]!.shape));
}

function eagerStep<Args extends readonly unknown[], Result>(
  step: (...args: Args) => Result,
  engine: CompileEngine,
): Compiled<Args, Result> {
  const stats = { engine, tracedKernels: 0, kernels: 0, nodes: 0, milliseconds: 0, calls: 0 };
  const run = (...args: Args): Promise<Awaited<Result>> => {
    stats.calls++;
    return Promise.resolve(tf.tidy(() => step(...args) as tf.TensorContainer) as Awaited<Result>);
  };
  return Object.assign(run, { dispose: () => Promise.resolve(), print: () => '', stats });
}

const warned = new Set<string>();

function warnOnce(reason: string, warn = (message: string): void => console.warn(message)): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  warn(`Steps run eagerly, which is several times slower: ${reason}`);
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
