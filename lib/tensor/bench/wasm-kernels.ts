/**
 * The wasm kernels of a convolution's training step, in GFLOP/s: forward (XNNPACK in tfjs-backend-wasm),
 * input gradient and filter gradient (ours). One thread; the three take turns, and each figure is the median
 * of the repeats.
 *
 *   node --conditions=oabn-source --import tsx lib/tensor/bench/wasm-kernels.ts [--repeats 9] [--json]
 */
import { parseArgs } from 'node:util';
import { tf, useBackend } from '../src/engines/index.js';

interface Layer {
  readonly images: number;
  readonly side: number;
  readonly channels: number;
  readonly filters: number;
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
}

const layer = (
  side: number,
  channels: number,
  filters: number,
  kernel: 1 | 3,
  stride: 1 | 2,
  images = 128,
): Layer => ({ images, side, channels, filters, kernel, stride });

/**
 * Layers of a convolutional network for 32×32 images, a narrow and a wide one, batch 128 (the widest layer:
 * 32).
 */
const layers = [
  ...[layer(32, 3, 16, 3, 1), layer(32, 16, 16, 3, 1), layer(32, 16, 16, 1, 1)],
  ...[layer(32, 16, 24, 3, 2), layer(32, 16, 24, 1, 2), layer(16, 24, 24, 3, 1), layer(16, 24, 24, 1, 1)],
  ...[layer(16, 24, 48, 3, 2), layer(8, 48, 48, 3, 1), layer(8, 48, 48, 1, 1), layer(8, 48, 320, 3, 2)],
  ...[
    layer(32, 48, 48, 3, 1, 32),
    layer(32, 48, 96, 3, 2),
    layer(16, 96, 96, 3, 1),
    layer(16, 96, 192, 3, 2),
  ],
  ...[layer(8, 192, 192, 3, 1), layer(8, 192, 192, 1, 1), layer(8, 192, 1280, 3, 2)],
];

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** GFLOP/s of the three kernels of one layer. */
function measure({ images, side, channels, filters, kernel, stride }: Layer, repeats: number) {
  const padding = (kernel - 1) / 2;
  const outSide = Math.floor((side + 2 * padding - kernel) / stride) + 1;
  const inputShape = [images, side, side, channels];
  const filterShape = [kernel, kernel, channels, filters];
  const x = tf.randomNormal(inputShape);
  const filter = tf.randomNormal(filterShape);
  const dy = tf.randomNormal([images, outSide, outSide, filters]);
  const side2: [number, number] = [padding, padding];
  const pad: tf.backend_util.ExplicitPadding = [[0, 0], side2, side2, [0, 0]];
  const attributes = { strides: [stride, stride], dilations: [1, 1], pad, dataFormat: 'NHWC' };
  const kernels = {
    forward: () => tf.engine().runKernel(tf.Conv2D, { x, filter }, attributes),
    toInput: () =>
      tf.engine().runKernel(tf.Conv2DBackpropInput, { dy, filter }, { ...attributes, inputShape }),
    toFilter: () => tf.engine().runKernel(tf.Conv2DBackpropFilter, { x, dy }, { ...attributes, filterShape }),
  };
  const names = Object.keys(kernels) as (keyof typeof kernels)[];
  const times = { forward: [] as number[], toInput: [] as number[], toFilter: [] as number[] };
  for (let repeat = -1; repeat < repeats; repeat++) {
    for (const name of names) {
      const start = performance.now();
      tf.dispose(kernels[name]());
      if (repeat >= 0) times[name].push(performance.now() - start);
    }
  }
  tf.dispose([x, filter, dy]);
  const megaflop = (2 * images * outSide ** 2 * kernel ** 2 * channels * filters) / 1e6;
  const gflops = (name: keyof typeof kernels): number => megaflop / median(times[name]);
  return { forward: gflops('forward'), toInput: gflops('toInput'), toFilter: gflops('toFilter') };
}

const { values } = parseArgs({
  options: { repeats: { type: 'string', default: '9' }, json: { type: 'boolean', default: false } },
});
const backend = await useBackend('wasm');
const results = layers.map((each) => ({ layer: each, gflops: measure(each, Number(values.repeats)) }));
if (values.json) {
  console.log(JSON.stringify({ backend, repeats: Number(values.repeats), results }, null, 2));
} else {
  console.log(`${backend.device}, node ${process.versions.node}; GFLOP/s, median of ${values.repeats}\n`);
  console.log('layer                          forward  input gradient  filter gradient');
  for (const { layer: each, gflops } of results) {
    const { images, side, channels, filters, kernel, stride } = each;
    const name = `${images}×${side}×${side} ${channels}→${filters} ${kernel}×${kernel}/${stride}`;
    const cells = [gflops.forward.toFixed(1), gflops.toInput.toFixed(1), gflops.toFilter.toFixed(1)];
    console.log(
      `${name.padEnd(30)} ${cells[0]!.padStart(7)} ${cells[1]!.padStart(15)} ${cells[2]!.padStart(16)}`,
    );
  }
}
