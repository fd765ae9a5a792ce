/**
 * What half precision keeps of the gradients that convolutions get, without and with the loss scale:
 * RepVGG-A0 with OABN at the given width in pretraining, on the first images of CIFAR-10 (or of made data),
 * at the first step and at the last. A number is whole above 2⁻¹⁴, loses bits below, and is gone below 2⁻²⁵.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/oabn/bench/half-gradients.ts [--width 0.25] [--batch 128] [--steps 40]
 */
import { parseArgs } from 'node:util';
import { tf, useBackend } from 'tfjs-native';
import { silent } from 'oabn-base';
import { openDatasets } from '../src/data/index.js';
import { disposeState, eagerly, halfPrecisionLossScale } from '../src/train/index.js';
import { stepAndState } from './networks.js';

const { values: flags } = parseArgs({
  options: {
    width: { type: 'string', default: '0.25' },
    batch: { type: 'string', default: '128' },
    steps: { type: 'string', default: '40' },
  },
});
const [width, batchSize, steps] = [Number(flags.width), Number(flags.batch), Number(flags.steps)];

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;
const range = (values: readonly number[]): string =>
  [Math.min(...values), Math.max(...values)].map((value) => value.toExponential(1)).join(' to ');

await useBackend('wasm');
const { train } = await openDatasets({
  name: 'cifar10',
  progress: silent,
  standIn: true,
  warn: console.warn,
});
const gradients = watchGradients();
const begin = stepAndState({ kind: 'pretrain', width });
let { state } = begin;
const run = eagerly(begin.step);
console.log(
  `RepVGG-A0, width ${width}, OABN s = 2, batch ${batchSize}, ${train.name}; gradients of convolutions' outputs`,
);
let index = 0;
for await (const batch of train.batches({
  batchSize,
  seed: 1,
  epoch: 0,
  shuffle: true,
  augment: true,
  dropLast: true,
})) {
  const input = {
    images: tf.tensor4d(batch.images, [batchSize, ...train.imageShape]),
    labels: tf.tensor1d(batch.labels, 'int32'),
    learningRate: tf.scalar(0.1),
  };
  const isShown = index === 0 || index === steps - 1;
  gradients.watch(isShown);
  const { state: next, metrics } = await run(state, input);
  tf.dispose([input.images, input.labels, input.learningRate, metrics.loss, metrics.correct]);
  disposeState(state, next);
  state = next;
  if (isShown) describeGradients(index + 1, gradients.take());
  if (++index === steps) break;
}

/** Looks at `dy` of the filter gradient, which every convolution has, by standing before its kernel. */
function watchGradients() {
  const [name, backend] = [tf.Conv2DBackpropFilter, 'wasm'];
  const kernel = tf.getKernel(name, backend);
  let isOn = false;
  let seen: Float32Array[] = [];
  tf.unregisterKernel(name, backend);
  tf.registerKernel({
    ...kernel,
    kernelFunc: (args) => {
      const { dataId } = args.inputs.dy!;
      if (isOn) seen.push((tf.backend() as unknown as Reader).readSync(dataId).slice());
      return kernel.kernelFunc(args);
    },
  });
  return {
    watch: (on: boolean) => void (isOn = on),
    take: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}

interface Reader {
  readonly readSync: (dataId: object) => Float32Array;
}

function describeGradients(at: number, gradients: readonly Float32Array[]): void {
  for (const scale of [1, halfPrecisionLossScale(batchSize)]) {
    const magnitudes = gradients.map((each) =>
      each
        .map((value) => scale * Math.abs(value))
        .filter((v) => v > 0)
        .sort(),
    );
    const below = (limit: number): string => percent(mean(magnitudes.map((each) => share(each, limit))));
    const medians = magnitudes.map((each) => each[each.length >> 1]!);
    console.log(
      `step ${at}, loss × ${scale}: ${below(2 ** -25)} gone, ${below(2 ** -14)} with fewer bits; ` +
        `medians ${range(medians)}, largest ${range(magnitudes.map((each) => each.at(-1)!))} (half precision ends at 6.6e+4)`,
    );
  }
}

/** The share of sorted numbers that are below `limit`. */
function share(sorted: Float32Array, limit: number): number {
  const first = sorted.findIndex((value) => value >= limit);
  return (first < 0 ? sorted.length : first) / sorted.length;
}
