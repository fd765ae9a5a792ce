/**
 * One engine of `bench/step.ts`, as a process of its own: `stock` (tfjs-backend-wasm as it is, with the one
 * kernel that it lacks made of its own slices and matrix products),
 * `eager` (the library's wasm backend) or `compiled`. It answers lines of JSON as `peer.py` does.
 */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compile, tf, useBackend } from 'tfjs-native';
import { disposeState, eagerly, type RunStep } from '../src/train/index.js';
import type { Request } from './engines.js';
import { stepAndState, stepInput } from './networks.js';

/** Wall and processor time of a step. */
interface Timing {
  readonly milliseconds: number;
  readonly cpu: number;
}

/** Takes steps one after the other, each from the state that the last one left; the first is not timed. */
async function makeRunner(engine: string, request: Request): Promise<() => Promise<Timing>> {
  const { batch, threads } = request;
  const { step, state: begin } = stepAndState(request);
  const input = stepInput(batch, 32);
  const run: RunStep =
    engine === 'compiled' ? await compile(step, [begin, input], { threads }) : eagerly(step);
  let state = begin;
  const once = async (): Promise<Timing> => {
    const [began, used] = [performance.now(), process.cpuUsage()];
    const result = await run(state, input);
    await result.metrics.loss.data();
    const [milliseconds, { user, system }] = [performance.now() - began, process.cpuUsage(used)];
    disposeState(state, result.state);
    tf.dispose([result.metrics.loss, result.metrics.correct]);
    state = result.state;
    return { milliseconds, cpu: (user + system) / 1000 };
  };
  if (engine === 'compiled') await once();
  return once;
}

/**
 * Stock tfjs-backend-wasm cannot train a convolution: it has no gradient of the kernel. This is the plain
 * way.
 */
function registerFilterGradient(): void {
  tf.registerKernel({
    kernelName: tf.Conv2DBackpropFilter,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      const [x, dy] = ['x', 'dy'].map((name) =>
        tf.engine().makeTensorFromTensorInfo(inputs[name]!),
      ) as tf.Tensor4D[];
      const { strides, pad, filterShape } = attrs as unknown as {
        strides: number;
        pad: number;
        filterShape: [number, number, number, number];
      };
      const info = tf.backend_util.computeConv2DInfo(x!.shape, filterShape, strides, 1, pad);
      const { top, bottom, left, right } = info.padInfo;
      const padded = tf.pad(x!, [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ]);
      const [kh, kw, cin, cout] = filterShape;
      const taps = Array.from({ length: kh * kw }, (_, tap) => {
        const [i, j] = [Math.floor(tap / kw), tap % kw];
        const end = [
          x!.shape[0],
          i + info.outHeight * info.strideHeight,
          j + info.outWidth * info.strideWidth,
          cin,
        ];
        const seen = tf.stridedSlice(padded, [0, i, j, 0], end, [1, info.strideHeight, info.strideWidth, 1]);
        const rows = info.batchSize * info.outHeight * info.outWidth;
        return tf.matMul(
          tf.reshape(seen, [rows, cin]) as tf.Tensor2D,
          tf.reshape(dy!, [rows, cout]) as tf.Tensor2D,
          true,
        );
      });
      return tf.reshape(tf.stack(taps), filterShape);
    },
  });
}

async function main(engine: string): Promise<void> {
  if (engine === 'stock') {
    await import('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    registerFilterGradient();
  } else {
    await useBackend('wasm');
  }
  console.log(JSON.stringify({ version: tf.version['tfjs'] }));
  let made: { key: string; run: () => Promise<Timing> } | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    const key = JSON.stringify({ ...request, steps: 0 });
    if (made?.key !== key) made = { key, run: await makeRunner(engine, request) };
    const timings: Timing[] = [];
    for (let i = 0; i < request.steps; i++) timings.push(await made.run());
    const [milliseconds, cpu] = [timings.map((each) => each.milliseconds), timings.map((each) => each.cpu)];
    const peakMiB = process.resourceUsage().maxRSS / 1024;
    console.log(JSON.stringify({ milliseconds, cpu, peakMiB }));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2] ?? 'compiled');
