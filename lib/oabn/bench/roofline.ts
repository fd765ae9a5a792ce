/**
 * What bounds a step: the machine's peak of arithmetic (a large product of matrices) and of memory (a sum of large
 * vectors), both measured in the step's own engine, and where a step's time goes by the engine's own profile. Peaks and
 * whole steps are taken from processor time, which other processes hardly change; the profile knows wall time only.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf, useBackend } from 'tfjs-native';
import { createBuilder } from '../../tensor/src/onnx/builder.js';
import { lowerGraph } from '../../tensor/src/onnx/lowerGraph.js';
import { elementsOfTensor, takeBuffer } from '../../tensor/src/onnx/nativeBackend.js';
import { createSession, loadRuntime, type Runtime } from '../../tensor/src/onnx/runtime.js';
import { valuesOf } from '../../tensor/src/ops/index.js';
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

export async function printRoofline({ kinds, widths, batch, threads }: Options): Promise<void> {
  await useBackend('wasm');
  const state = await loadRuntime();
  if (state.kind === 'missing') throw new Error(state.reason);
  const { runtime, block } = state;
  const gflops = await peakArithmetic(runtime, threads);
  const gigabytes = await peakMemory(runtime, threads);
  console.log(
    `Peaks of the engine, ${threads} × what a second of processor time gives, best of several: ${gflops.toFixed(0)} GFLOP/s (product of matrices, ` +
      `1,024³), ${gigabytes.toFixed(1)} GB/s (sum of two vectors of 64 MiB: two read, one written)`,
  );
  if (loadavg()[0]! > threads) {
    console.log(
      `Load ${loadavg()[0]!.toFixed(1)}: other processes wait for these cores; do not trust the shares of time`,
    );
  }
  for (const kind of kinds) {
    for (const width of widths) {
      const { nodes, milliseconds } = await profile(runtime, block, kind, width, batch, threads);
      const macs = costOf(repvgg('A0', { width }), 32, kind === 'qat' ? 'merged' : 'training').macs;
      const flops = 6 * macs * batch;
      const rate = flops / milliseconds / 1e6;
      console.log(
        `${kind}, width ${width}, batch ${batch}: ${milliseconds.toFixed(0)} ms of ${threads} threads, ` +
          `${rate.toFixed(0)} GFLOP/s, ${((100 * rate) / gflops).toFixed(0)}% of the peak`,
      );
      printShares(nodes, flops, gflops, gigabytes);
    }
  }
}

/** GFLOP/s */
async function peakArithmetic(runtime: Runtime, threads: number): Promise<number> {
  const n = 1024;
  const b = createBuilder();
  const [x, y] = ['x', 'y'].map((name) => b.input(name, 'float32', [n, n]));
  b.emit('MatMul', [x!, y!], { shape: [n, n] });
  return (2 * n ** 3) / (await fastest(runtime, b, [n, n], threads)) / 1e6;
}

/** GB/s */
async function peakMemory(runtime: Runtime, threads: number): Promise<number> {
  const n = 1 << 24;
  const b = createBuilder();
  const [x, y] = ['x', 'y'].map((name) => b.input(name, 'float32', [n]));
  b.emit('Add', [x!, y!], { shape: [n] });
  return (12 * n) / (await fastest(runtime, b, [n], threads)) / 1e6;
}

/** Milliseconds that all threads together need for the only node of a graph, whose inputs and result have one shape. */
async function fastest(
  runtime: Runtime,
  { nodes: [node], initializers, inputs }: ReturnType<typeof createBuilder>,
  shape: readonly number[],
  threads: number,
): Promise<number> {
  const outputs = [{ name: node!.outputs[0]!, type: 'float32' as const, shape }];
  const session = await createSession(runtime, { nodes: [node!], initializers, inputs, outputs }, threads);
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
  'Transpose ReorderInput ReorderOutput Pad Concat Slice Reshape Expand Split Tile Identity'.split(' '),
);
const otherOps = new Set(
  'Gather ScatterElements ScatterND TopK CumSum ArgMax ArgMin Gemm MatMul Softmax LogSoftmax'.split(' '),
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
    // Depthwise 1×1: a product and a sum for each element.
    const kernel = Object.values(inputs[1] ?? {})[0] ?? [];
    return kernel.slice(1).every((size) => size === 1) ? 'element by element' : 'convolution';
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

function printShares(nodes: readonly ProfiledNode[], flops: number, gflops: number, gigabytes: number): void {
  const sum = (of: readonly ProfiledNode[], value: (node: ProfiledNode) => number): number =>
    of.reduce((total, node) => total + value(node), 0);
  const total = sum(nodes, (node) => node.milliseconds);
  console.log(`  by the profile, ${nodes.length} nodes, the fastest of ${profiled} times each:`);
  for (const group of groups) {
    const own = nodes.filter((node) => node.group === group);
    const milliseconds = sum(own, (node) => node.milliseconds);
    const bandwidth = sum(own, (node) => node.bytes) / milliseconds / 1e6;
    const arithmetic = flops / milliseconds / 1e6;
    const against =
      group === 'convolution'
        ? `${arithmetic.toFixed(0)} GFLOP/s, ${((100 * arithmetic) / gflops).toFixed(0)}% of the peak`
        : `${bandwidth.toFixed(1)} GB/s, ${((100 * bandwidth) / gigabytes).toFixed(0)}% of the peak`;
    console.log(
      `  ${group.padEnd(19)} ${milliseconds.toFixed(1).padStart(8)} ms ${((100 * milliseconds) / total).toFixed(0).padStart(3)}%  ${against}`,
    );
  }
}
