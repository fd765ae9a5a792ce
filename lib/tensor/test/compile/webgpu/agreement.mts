/**
 * Run as a process of its own by webgpu.test.ts, because a GPU driver may end it. Each case is computed by tfjs on the CPU
 * and by a step compiled for the GPU; a line of JSON says by how much they differ.
 */
import { tf, useBackend, webgpuDevice } from '../../../src/engines/index.js';
import { compile, compileEngine } from '../../../src/index.js';
import type { TrainState } from 'oabn/train';
import { kernelCases } from '../kernelCases.js';
import { batch } from '../stepCases.js';
import { sample, type Step, tensorsOf } from '../support.js';
import { gpuCases, gpuSteps, type Checked } from './cases.js';

tf.env().set('IS_TEST', true);
const { device } = await useBackend('webgpu');
const engine = await compileEngine();
console.log(JSON.stringify({ device, engine: engine.kind }));

async function report(name: string, work: () => Promise<object>): Promise<void> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  let result: object;
  try {
    result = await work();
  } catch (error) {
    result = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ name, ...result, seconds, cpu: (user + system) / 1e6 }));
}

interface Host {
  readonly shape: number[];
  readonly dtype: string;
  readonly data: ArrayLike<number>;
}

async function download(tree: unknown): Promise<Host[]> {
  const tensors = tensorsOf(tree);
  return Promise.all(
    tensors.map(async (tensor) => ({
      shape: tensor.shape,
      dtype: tensor.dtype,
      data: (await tensor.data()) as ArrayLike<number>,
    })),
  );
}

/** The largest difference, relative to the largest number of its tensor; Infinity for other types or shapes. */
function difference(got: readonly Host[], want: readonly Host[]): number {
  if (got.length !== want.length) return Infinity;
  return Math.max(
    0,
    ...want.map((expected, i) => {
      const { shape, dtype, data } = got[i]!;
      if (dtype !== expected.dtype || shape.join() !== expected.shape.join()) return Infinity;
      let [largest, off] = [1e-3, 0];
      for (let j = 0; j < expected.data.length; j++) {
        const [g, w] = [data[j]!, expected.data[j]!];
        if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
        largest = Math.max(largest, Math.abs(w));
        off = Math.max(off, Number.isFinite(g) && Number.isFinite(w) ? Math.abs(g - w) : Infinity);
      }
      return off / largest;
    }),
  );
}

async function agree({ step, args }: Checked): Promise<{ off: number; dispatches: number }> {
  await tf.setBackend('cpu');
  const expected = await download(tf.tidy(() => step(...(args() as never[])) as tf.TensorContainer));
  const given = args();
  await tf.setBackend('webgpu');
  const fast = await compile(step as (...args: unknown[]) => unknown, given);
  const result = await fast(...given);
  const off = difference(await download(result), expected);
  tf.dispose(result as tf.TensorContainer);
  await fast.dispose();
  return { off, dispatches: fast.stats.dispatches };
}

for (const [name, step, args] of kernelCases) await report(name, () => agree({ step, args }));
for (const example of gpuCases) await report(example.name, () => agree(example));

/** Each step from the eager run's state. */
for (const { name, step, begin, steps } of gpuSteps) {
  await report(name, async () => {
    await tf.setBackend('cpu');
    const input = batch(8);
    let state = begin();
    // Tensors move to the backend that uses them: the compiled step gets its own.
    const example = [copied(state), copied(input)] as [TrainState, typeof input];
    await tf.setBackend('webgpu');
    const fast = await compile(step, example);
    const offs: number[] = [];
    for (let i = 0; i < steps; i++) {
      await tf.setBackend('cpu');
      const own = [copied(state), copied(input)] as [TrainState, typeof input];
      const expected = tf.tidy(() => step(state, input) as never) as unknown as ReturnType<typeof step>;
      const want = await download(expected);
      await tf.setBackend('webgpu');
      offs.push(difference(await download(await fast(...own)), want));
      await tf.setBackend('cpu');
      state = expected.state;
    }
    await tf.setBackend('webgpu');
    const times = await fast.profile(...example);
    const { dispatches } = fast.stats;
    const program = fast.printProgram().split('\n').length;
    await fast.dispose();
    return { off: Math.max(...offs), dispatches, program, timed: times && Object.keys(times).length };
  });
}

/** The same tree with tensors of its own. */
function copied<T>(tree: T): T {
  if (tree instanceof tf.Tensor) return tf.tensor(tree.dataSync(), tree.shape, tree.dtype) as never;
  if (Array.isArray(tree)) return tree.map(copied) as never;
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, copied(child)])) as never;
}

/** A tiny regression with momentum: its weights after `steps` steps, and what the memory has grown by since the fifth. */
async function training(steps: number): Promise<{ weights: number[]; grown: Record<string, number> }> {
  const step = (state: { w: tf.Tensor2D; v: tf.Tensor2D }, x: tf.Tensor2D, y: tf.Tensor2D) => {
    const loss = (w: tf.Tensor): tf.Scalar =>
      tf.mean(tf.squaredDifference(tf.matMul(x, w as tf.Tensor2D), y)) as tf.Scalar;
    const { value, grad } = tf.valueAndGrad(loss)(state.w);
    const v = tf.add(tf.mul(state.v, 0.9), grad) as tf.Tensor2D;
    return { state: { w: tf.sub(state.w, tf.mul(v, 0.1)) as tf.Tensor2D, v }, loss: value };
  };
  const [x, y] = [sample([600, 4], 1), sample([600, 4], 2)] as [tf.Tensor2D, tf.Tensor2D];
  let state = { w: tf.zeros([4, 4]) as tf.Tensor2D, v: tf.zeros([4, 4]) as tf.Tensor2D };
  const fast = await compile(step, [state, x, y]);
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const result = await fast(state, x, y);
      tf.dispose([state.w, state.v, result.loss]);
      state = result.state;
    }
  };
  const memory = (): Record<string, number> => {
    const { numTensors, numBytesInGPU, numBytesAllocatedInGPU } = tf.memory() as tf.MemoryInfo &
      Record<string, number>;
    return {
      numTensors,
      numBytesInGPU: numBytesInGPU!,
      numBytesAllocatedInGPU: numBytesAllocatedInGPU!,
      buffers: made,
    };
  };
  await run(5);
  const before = memory();
  await run(steps - 5);
  const after = memory();
  const weights = [...(await state.w.data())];
  await fast.dispose();
  return {
    weights,
    grown: Object.fromEntries(Object.keys(before).map((key) => [key, after[key]! - before[key]!])),
  };
}

/** Buffers that the device was asked for. */
let made = 0;
const gpu = webgpuDevice()!;
const createBuffer = gpu.createBuffer.bind(gpu);
gpu.createBuffer = (descriptor) => {
  made++;
  return createBuffer(descriptor);
};

await report('does not grow', async () => (await training(200)).grown);
await report('same bits', async () => {
  const [first, second] = [await training(20), await training(20)];
  const moved = first.weights.every((w) => w !== 0);
  return { equal: moved && JSON.stringify(first.weights) === JSON.stringify(second.weights) };
});
await report('arguments and constants as results', async () => {
  const constant = tf.tensor1d([5, 6]);
  const step = (x: tf.Tensor): tf.Tensor[] => [x, x, constant, tf.reshape(x, [2, 1]), tf.zeros([2])];
  const fast = await compile(step as Step as (x: tf.Tensor) => tf.Tensor[], [tf.tensor1d([1, 2])]);
  const x = tf.tensor1d([3, 4]);
  const results = await fast(x);
  x.dispose();
  return { values: (await download(results)).map(({ data }) => [...(data as Float32Array)]) };
});
await report('precision', async () => {
  const said: string[] = [];
  const x = tf.ones([4, 4]) as tf.Tensor2D;
  const fast = await compile((a: tf.Tensor2D) => tf.matMul(a, a), [x], {
    precision: 'float16',
    warn: (message) => void said.push(message),
  });
  const [{ data }] = (await download(await fast(x))) as [Host];
  const engine = await compileEngine('float16');
  return { said, f16: gpu.features.has('shader-f16'), first: data[0], engine };
});
await report('lost device', async () => {
  const fast = await compile((x: tf.Tensor) => tf.add(x, 1), [tf.zeros([4])]);
  const x = tf.ones([4]);
  await (await fast(x)).data();
  gpu.destroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await fast(x);
  return {};
});
process.exit(0);
