/**
 * What bounds a step: the machine's peak of arithmetic (a large product of matrices), of memory and of its
 * cache (sums of large vectors and of smaller ones), all measured in the step's own engine, and where a
 * step's time goes by the engine's own profile. Peaks and whole steps are taken from processor time, which
 * other processes hardly change; the profile knows wall time only.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf, useBackend } from 'tfjs-native';
import { createBuilder } from '../../tensor/src/onnx/builder.js';
import { lowerGraph } from '../../tensor/src/onnx/lowerGraph.js';
import { elementsOfTensor, takeBuffer } from '../../tensor/src/onnx/nativeBackend.js';
import { createSession, loadRuntime, type Runtime } from '../../tensor/src/onnx/runtime.js';
import { sizeOf, valuesOf } from '../../tensor/src/ops/index.js';
import { flatten, optimize, trace } from '../../tensor/src/trace/index.js';
import { costOf, repvgg } from '../src/model/index.js';
import { stepAndState, stepInput } from './networks.js';
import type { Kind } from './engines.js';

interface Options {
  readonly kinds: readonly Kind[];
  readonly widths: readonly number[];
  readonly batch: number;
  readonly threads: number;
}

/** Steps that are profiled; of each node the fastest counts, which leaves out what else the machine does. */
const profiled = 8;

interface Peaks {
  /** Of a product of matrices, 1,024³. */
  readonly gflops: number;
  /**
   * GB/s of sums of two vectors: of 64 MiB each, and of 4 MiB, which stay in the cache as a step's
   * activations do.
   */
  readonly memory: number;
  readonly cache: number;
}

interface Share {
  readonly group: Group;
  readonly milliseconds: number;
  /** Of all nodes, in [0, 1]. */
  readonly share: number;
  /**
   * GFLOP/s of convolutions, GB/s read and written by others; and that as a share of the peak, of the cache's
   * for GB/s.
   */
  readonly rate: number;
  readonly ofPeak: number;
}

/** Where one step's time goes. */
interface StepProfile {
  readonly kind: Kind;
  readonly width: number;
  /** Of all threads together, by processor time. */
  readonly milliseconds: number;
  readonly gflops: number;
  readonly nodes: number;
  readonly shares: readonly Share[];
}

export interface Roofline extends Peaks {
  readonly threads: number;
  readonly batch: number;
  readonly steps: readonly StepProfile[];
}

/** Measures, and prints what it finds as it goes. */
export async function roofline({ kinds, widths, batch, threads }: Options): Promise<Roofline> {
  await useBackend('wasm');
  const state = await loadRuntime();
  if (state.kind === 'missing') throw new Error(state.reason);
  const { runtime, block } = state;
  const peaks: Peaks = {
    gflops: await peakArithmetic(runtime, threads),
    memory: await peakMemory(runtime, threads, 1 << 24),
    cache: await peakMemory(runtime, threads, 1 << 20),
  };
  console.log(
    `Peaks of the engine, ${threads} × what a second of processor time gives, best of several: ${peaks.gflops.toFixed(0)} GFLOP/s (product of ` +
      `matrices, 1,024³), ${peaks.memory.toFixed(1)} GB/s from memory, ${peaks.cache.toFixed(1)} GB/s from the cache (sums of two vectors)`,
  );
  if (loadavg()[0]! > threads) {
    console.log(
      `Load ${loadavg()[0]!.toFixed(1)}: other processes wait for these cores; do not trust the shares of time`,
    );
  }
  const steps: StepProfile[] = [];
  for (const kind of kinds) {
    for (const width of widths) {
      const { nodes, milliseconds } = await profile(runtime, block, kind, width, batch, threads);
      const macs = costOf(repvgg('A0', { width }), 32, kind === 'qat' ? 'merged' : 'training').macs;
      const flops = 6 * macs * batch;
      const gflops = flops / milliseconds / 1e6;
      console.log(
        `${kind}, width ${width}, batch ${batch}: ${milliseconds.toFixed(0)} ms of ${threads} threads, ` +
          `${gflops.toFixed(0)} GFLOP/s, ${((100 * gflops) / peaks.gflops).toFixed(0)}% of the peak`,
      );
      const shares = sharesOf(nodes, flops, peaks);
      printShares(shares, nodes.length);
      steps.push({ kind, width, milliseconds, gflops, nodes: nodes.length, shares });
    }
  }
  return { ...peaks, threads, batch, steps };
}

/** GFLOP/s */
async function peakArithmetic(runtime: Runtime, threads: number): Promise<number> {
  const n = 1024;
  const b = createBuilder();
  const [x, y] = ['x', 'y'].map((name) => b.input(name, 'float32', [n, n]));
  b.emit('MatMul', [x!, y!], { shape: [n, n] });
  return (2 * n ** 3) / (await fastest(runtime, b, [n, n], threads)) / 1e6;
}

const sums = 16;

/** GB/s */
async function peakMemory(runtime: Runtime, threads: number, n: number): Promise<number> {
  const b = createBuilder();
  const [x, y] = ['x', 'y'].map((name) => b.input(name, 'float32', [n])) as [string, string];
  // One sum after the other, so that what goes in and out of the engine is a small part.
  let sum = x;
  for (let i = 0; i < sums; i++) sum = b.emit('Add', [sum, y], { shape: [n] });
  return (sums * 12 * n) / (await fastest(runtime, b, [n], threads)) / 1e6;
}

/** Milliseconds that all threads together need for a graph whose inputs and last value have one shape. */
async function fastest(
  runtime: Runtime,
  { nodes, initializers, inputs }: ReturnType<typeof createBuilder>,
  shape: readonly number[],
  threads: number,
): Promise<number> {
  const outputs = [{ name: nodes.at(-1)!.outputs[0]!, type: 'float32' as const, shape }];
  const session = await createSession(runtime, { nodes, initializers, inputs, outputs }, threads);
  const data = inputs.map(() => takeBuffer('float32', shape).fill(1));
  const result = takeBuffer('float32', shape);
  const times: number[] = [];
  for (let i = 0; i < 10; i++) times.push(await processorTime(() => session.run(data, [result])));
  await session.release();
  return Math.min(...times) / threads;
}

/** Milliseconds. */
async function processorTime(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

interface ProfiledNode {
  readonly group: Group;
  readonly milliseconds: number;
  /** Read and written. */
  readonly bytes: number;
}

const groups = ['convolution', 'element by element', 'layout', 'reduction', 'other'] as const;
type Group = (typeof groups)[number];

const layoutOps = new Set(
  'Transpose Gather ReorderInput ReorderOutput Pad Concat Slice Reshape Expand Split Tile Identity'.split(
    ' ',
  ),
);
const otherOps = new Set(
  'ScatterElements ScatterND TopK CumSum ArgMax ArgMin Gemm MatMul Softmax LogSoftmax'.split(' '),
);

/** An event of ONNX Runtime's profile, as far as it is read here. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly activation_size?: string;
    readonly output_size?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

function groupOf({ op_name: op = '', input_type_shape: inputs = [] }: ProfileEvent['args']): Group {
  if (op === 'Conv') {
    const [image, kernel] = [0, 1].map((i) => Object.values(inputs[i] ?? {})[0] ?? []);
    // As large a kernel as the image: the sums of a product.
    if (sizeOf(image!) === sizeOf(kernel!)) return 'reduction';
    // Depthwise 1×1: a product and a sum for each element.
    return kernel!.slice(1).every((size) => size === 1) ? 'element by element' : 'convolution';
  }
  if (layoutOps.has(op)) return 'layout';
  if (op.startsWith('Reduce') || op.endsWith('Pool')) return 'reduction';
  return otherOps.has(op) ? 'other' : 'element by element';
}

async function profile(
  runtime: Runtime,
  block: number,
  kind: Kind,
  width: number,
  batch: number,
  threads: number,
): Promise<{ nodes: ProfiledNode[]; milliseconds: number }> {
  const { step, state } = stepAndState({ kind, width });
  const input = stepInput(batch, 32);
  const graph = optimize(trace(step, [state, input]).graph);
  const folder = await mkdtemp(join(tmpdir(), 'roofline-'));
  try {
    const session = await createSession(runtime, lowerGraph(graph, block), threads, {
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    });
    const inputs = flatten([state, input]).tensors.map(elementsOfTensor);
    const values = valuesOf(graph);
    const outputs = graph.results.map((id) => takeBuffer(values.get(id)!.dtype, values.get(id)!.shape));
    const times: number[] = [];
    for (let i = 0; i < profiled; i++) times.push(await processorTime(() => session.run(inputs, outputs)));
    session.endProfiling();
    await session.release();
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, file!), 'utf8')) as ProfileEvent[];
    return { nodes: nodesOf(events), milliseconds: Math.min(...times) / threads };
  } finally {
    tf.dispose([input.images, input.labels, input.learningRate]);
    await rm(folder, { recursive: true, force: true });
  }
}

function nodesOf(events: readonly ProfileEvent[]): ProfiledNode[] {
  const nodes = new Map<string, ProfiledNode>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
    const bytes = Number(args.activation_size ?? 0) + Number(args.output_size ?? 0);
    const milliseconds = Math.min(dur / 1000, nodes.get(name)?.milliseconds ?? Infinity);
    nodes.set(name, { group: groupOf(args), milliseconds, bytes });
  }
  return [...nodes.values()];
}

function sharesOf(nodes: readonly ProfiledNode[], flops: number, { gflops, cache }: Peaks): Share[] {
  const sum = (of: readonly ProfiledNode[], value: (node: ProfiledNode) => number): number =>
    of.reduce((total, node) => total + value(node), 0);
  const total = sum(nodes, (node) => node.milliseconds);
  return groups.map((group) => {
    const own = nodes.filter((node) => node.group === group);
    const milliseconds = sum(own, (node) => node.milliseconds);
    const work = group === 'convolution' ? flops : sum(own, (node) => node.bytes);
    const rate = work / milliseconds / 1e6;
    const ofPeak = rate / (group === 'convolution' ? gflops : cache);
    return { group, milliseconds, share: milliseconds / total, rate, ofPeak };
  });
}

function printShares(shares: readonly Share[], nodes: number): void {
  console.log(`  by the profile, ${nodes} nodes, the fastest of ${profiled} times each:`);
  for (const { group, milliseconds, share, rate, ofPeak } of shares) {
    const unit = group === 'convolution' ? 'GFLOP/s' : 'GB/s';
    console.log(
      `  ${group.padEnd(19)} ${milliseconds.toFixed(1).padStart(8)} ms ${(100 * share).toFixed(0).padStart(3)}%  ` +
        `${rate.toFixed(0)} ${unit}, ${(100 * ofPeak).toFixed(0)}% of the peak`,
    );
  }
}
