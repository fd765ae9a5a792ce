/**
 * Run as a process of its own by webgpu.test.ts, because a GPU driver may end it. Each case is computed by tfjs on the CPU
 * and by a step compiled for the GPU; a line of JSON says by how much they differ.
 */
import { tf, useBackend, webgpuDevice } from '../../../src/engines/index.js';
import { compile, compileEngine } from '../../../src/index.js';
import { kernelCases, nanCases } from '../kernelCases.js';
import { sample, type Step } from '../support.js';
import { agree, download, type Host, report } from './agree.js';
import { gpuCases } from './cases.js';

tf.env().set('IS_TEST', true);
const { device } = await useBackend('webgpu');
const engine = await compileEngine();
console.log(JSON.stringify({ device, engine: engine.kind }));

for (const [name, step, args] of [...kernelCases, ...nanCases])
  await report(name, () => agree({ step, args }));
for (const example of gpuCases) await report(example.name, () => agree(example));

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

/** Buffers that the device was asked for, and those of them that have not been destroyed. */
let made = 0;
const alive = new Set<GPUBuffer>();
const gpu = webgpuDevice()!;
const createBuffer = gpu.createBuffer.bind(gpu);
gpu.createBuffer = (descriptor) => {
  made++;
  const buffer = createBuffer(descriptor);
  const destroy = buffer.destroy.bind(buffer);
  buffer.destroy = () => {
    alive.delete(buffer);
    destroy();
  };
  alive.add(buffer);
  return buffer;
};

/** By how many buffers `work` makes the memory grow while the device refuses what the method `name` does. */
async function grownByFailing(
  name: 'createComputePipelineAsync' | 'createBindGroup',
  work: () => Promise<unknown>,
): Promise<number | string> {
  const before = alive.size;
  gpu[name] = () => {
    throw new Error('refused');
  };
  const said = await work().then(
    () => 'did not fail',
    (error: unknown) => String(error),
  );
  Reflect.deleteProperty(gpu, name);
  return /refused/.test(said) ? alive.size - before : said;
}

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
await report('failures', async () => {
  const factors = sample([8, 8], 1) as tf.Tensor2D;
  const step = (x: tf.Tensor2D) => ({ product: tf.matMul(x, factors), sum: tf.sum(x, 0) });
  const make = () => compile(step, [tf.ones([8, 8]) as tf.Tensor2D]);
  const compiling = await grownByFailing('createComputePipelineAsync', make);
  const fast = await make();
  const x = tf.ones([8, 8]) as tf.Tensor2D;
  // Kept, so that the next call needs buffers of its own.
  await fast(x);
  const running = await grownByFailing('createBindGroup', () => fast(x));
  const hasClock = gpu.features.has('timestamp-query');
  const profiling = hasClock ? await grownByFailing('createBindGroup', () => fast.profile(x)) : 0;
  const [{ data }] = (await download((await fast(x)).sum)) as [Host];
  return { compiling, running, profiling, first: data[0] };
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
