/**
 * One engine of `bench/gpu-step.ts`, as a process of its own that answers lines of JSON as `peer-gpu.py`
 * does: `compiled` and `compiled-f16` (the library's steps compiled for WebGPU), `stock`
 * (tfjs-backend-webgpu, operation by operation, with its own kernels) or `tensorflow` (libtensorflow through
 * the library, operation by operation).
 */
import { createInterface } from 'node:readline';
import { compile, type CompileOptions, tf, useBackend } from 'tfjs-native';
import { errorMessage } from 'oabn-base';
import { disposeState, eagerly, halfPrecisionLossScale, type RunStep } from '../src/train/index.js';
import { stepAndState, type StepKind, stepInput } from './networks.js';

interface StepRequest {
  readonly kind: StepKind;
  readonly width: number;
  readonly batch: number;
  readonly image: number;
  /** 0: only get ready. */
  readonly seconds: number;
}

type Request = StepRequest | { readonly gemm: number };

export type EngineName = 'compiled' | 'compiled-f16' | 'stock' | 'tensorflow';

/**
 * A step that goes on from the state that the last one left; resolves to the loss when `read`, else to
 * nothing.
 */
type Once = (read: boolean) => Promise<number | undefined>;

async function makeStep(engine: EngineName, request: StepRequest): Promise<Once> {
  const lossScale = engine === 'compiled-f16' ? halfPrecisionLossScale(request.batch) : 1;
  const { step, state: begin } = stepAndState(request, lossScale);
  const input = stepInput(request.batch, request.image);
  const run: RunStep = compiles(engine) ? await compileForGpu(engine, step, [begin, input]) : eagerly(step);
  let state = begin;
  return async (read) => {
    const { state: next, metrics } = await run(state, input);
    const loss = read ? (await metrics.loss.data())[0]! : undefined;
    disposeState(state, next);
    tf.dispose([metrics.loss, metrics.correct]);
    state = next;
    return loss;
  };
}

/** Steps until `seconds` have passed, in queues that grow so that waiting for the device is a small part. */
async function take(once: Once, seconds: number): Promise<object> {
  let [queue, taken, spent] = [1, 0, 0];
  while (spent < seconds) {
    const began = performance.now();
    for (let i = 1; i < queue; i++) await once(false);
    await once(true);
    const last = (performance.now() - began) / 1000;
    taken += queue;
    spent += last;
    queue = Math.max(1, Math.min(64, Math.round((queue * 0.5 * seconds) / last)));
  }
  return { milliseconds: (spent * 1000) / taken, steps: taken };
}

/**
 * TFLOP/s of products of `side`×`side` matrices by the engine's own kernels: the best of several rounds, each long
 * enough that reading the result does not matter.
 */
async function gemm(engine: EngineName, side: number): Promise<object> {
  const [a, b] = [0, 1].map((seed) => tf.randomNormal([side, side], 0, 1, 'float32', seed)) as [
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const product = (x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor => tf.matMul(x, y);
  const multiply = compiles(engine) ? await compileForGpu(engine, product, [a, b]) : product;
  let [count, best] = [4, Infinity];
  for (let round = 0; round < 8; round++) {
    const began = performance.now();
    let last = await multiply(a, b);
    for (let i = 1; i < count; i++) {
      last.dispose();
      last = await multiply(a, b);
    }
    const corner = tf.slice(last, [0, 0], [1, 1]);
    await corner.data();
    const spent = (performance.now() - began) / 1000;
    tf.dispose([last, corner]);
    if (round > 1) best = Math.min(best, spent / count);
    count = Math.max(4, Math.min(256, Math.round((0.2 * count) / spent)));
  }
  tf.dispose([a, b]);
  return { tflops: (2 * side ** 3) / best / 1e12 };
}

const compiles = (engine: EngineName): boolean => engine === 'compiled' || engine === 'compiled-f16';

/**
 * @throws an Error where the step would run eagerly or in another precision: under this name that would be a
 * lie
 */
async function compileForGpu<Args extends readonly unknown[], Result>(
  engine: EngineName,
  step: (...args: Args) => Result,
  example: Args,
): Promise<(...args: Args) => Promise<Awaited<Result>>> {
  const said: string[] = [];
  const warn = (message: string): void => void said.push(message);
  const precision = engine === 'compiled' ? 'float32' : 'float16';
  const compiled = await compile(step, example, { precision, warn } as CompileOptions);
  const kind: string = compiled.stats.engine.kind;
  if (kind !== 'webgpu') throw new Error(`compile() gives ${kind} steps here`);
  if (said.length > 0) throw new Error(said[0]);
  return compiled;
}

/**
 * The library puts kernels of tfjs-backend-webgpu and gradients right or replaces them; for `stock`, what
 * tfjs came with is put back, but for the one kernel whose shader does not compile for a vector of weights.
 */
async function startStock(): Promise<ReturnType<typeof useBackend>> {
  await import('@tensorflow/tfjs-backend-webgpu');
  const kernels = tf
    .getKernelsForBackend('webgpu')
    .filter(({ kernelName }) => kernelName !== tf.DenseBincount);
  const gradients = [tf.Sum, tf.Mean].map((name) => tf.getGradient(name));
  const info = await useBackend('webgpu');
  for (const kernel of kernels) {
    tf.unregisterKernel(kernel.kernelName, 'webgpu');
    tf.registerKernel(kernel);
  }
  for (const gradient of gradients) {
    tf.unregisterGradient(gradient.kernelName);
    tf.registerGradient(gradient);
  }
  return info;
}

const say = (answer: object): void => console.log(JSON.stringify(answer));

async function main(engine: EngineName): Promise<void> {
  try {
    const info = await (engine === 'stock'
      ? startStock()
      : useBackend(engine === 'tensorflow' ? 'tensorflow' : 'webgpu'));
    const { device, software, versions } = info;
    say({ device, software: software || device.startsWith('CPU'), versions });
  } catch (error) {
    say({ unavailable: errorMessage(error).split('. To get it')[0] });
    return;
  }
  let made: { key: string; once: Once; thirdLoss: number | null } | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const request = JSON.parse(line) as Request;
      if ('gemm' in request) {
        say(await gemm(engine, request.gemm));
        continue;
      }
      const key = JSON.stringify({ ...request, seconds: 0 });
      if (made?.key !== key) {
        const once = await makeStep(engine, request);
        for (let i = 0; i < 2; i++) await once(false);
        const loss = (await once(true))!;
        made = { key, once, thirdLoss: Number.isFinite(loss) ? loss : null };
      }
      const timed = request.seconds > 0 ? await take(made.once, request.seconds) : {};
      say({ ...timed, thirdLoss: made.thirdLoss });
    } catch (error) {
      say({ error: errorMessage(error).split('\n')[0] });
    }
  }
}

await main((process.argv[2] ?? 'compiled') as EngineName);
process.exit(0);
