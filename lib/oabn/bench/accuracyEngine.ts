/**
 * The training of accuracy.ts in the compiled step, as a process of its own that answers as peer-accuracy.py
 * does.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile, tf, useBackend } from 'tfjs-native';
import { openDatasets } from '../src/data/index.js';
import { forward, initialize, normalizeArchitecture, toVariables } from '../src/model/index.js';
import { evaluate, initialState, pretrainStep, train, type TrainState } from '../src/train/index.js';
import type { AccuracyTask } from './accuracyRecipe.js';

const task = JSON.parse(await readFile(join(process.argv[2]!, 'recipe.json'), 'utf8')) as AccuracyTask;
const { widths, depths, strides, batchSize, threads, seed } = task;
const { momentum, weightDecay, labelSmoothing, learningRate, warmupEpochs, epochs, translate, images } = task;
const evaluationBatch = 500;

await useBackend('wasm');
const { train: trainSet, test } = await openDatasets({ name: 'cifar10' });
// The first batch decodes what is not decoded yet: the clock begins with images in memory.
await trainSet.take([0]);
console.log(JSON.stringify({ version: tf.version.tfjs }));

interface Clock {
  readonly seconds: number;
  readonly cpu: number;
}
const read = (): Clock => {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, cpu: (user + system) / 1e6 };
};
const minus = (a: Clock, b: Clock): Clock => ({ seconds: a.seconds - b.seconds, cpu: a.cpu - b.cpu });

let begun = read();
const arch = normalizeArchitecture({
  widths: [...widths],
  depths: [...depths],
  strides: [...strides],
  classes: 10,
});
const { params, buffers } = toVariables(initialize(arch, seed));
const step = pretrainStep(arch, { momentum, weightDecay, labelSmoothing, decay: 'kernelsAndIdentity' });
const logitsOf = (state: Pick<TrainState, 'params' | 'buffers'>, x: tf.Tensor4D): tf.Tensor2D =>
  forward(arch, state, x, { training: false }).logits;
type Logits = Awaited<ReturnType<typeof compile<Parameters<typeof logitsOf>, tf.Tensor2D>>>;
let logits: Logits | undefined;

await train(initialState(params, buffers), {
  task: 'bench',
  stepAt: () => step,
  schedule: { learningRate, warmupEpochs, epochs, annealing: 'linear' },
  batchSize,
  stepsPerEpoch: Math.floor(images / batchSize),
  imageShape: trainSet.imageShape,
  batches: (epoch, startBatch) =>
    trainSet.batches({
      ...{ batchSize, seed, epoch, startBatch, limit: images, shuffle: true, dropLast: true },
      augment: { flip: 'alternating', translate, padding: 'reflect' },
    }),
  prepare: (each, state, input) => compile(each, [state, input], { threads }),
  onEpoch: async ({ epoch }, { params: weights, buffers: statistics }) => {
    const stopped = read();
    const network = { params: weights, buffers: statistics };
    const example = tf.zeros<tf.Rank.R4>([evaluationBatch, 32, 32, 3]);
    logits ??= await compile(logitsOf, [network, example], { threads });
    example.dispose();
    const { accuracy } = await evaluate((x) => logits!(network, x), {
      batches: test.batches({ batchSize: evaluationBatch }),
      batchSize: evaluationBatch,
      imageShape: test.imageShape,
    });
    const peakMiB = process.resourceUsage().maxRSS / 1024;
    console.log(JSON.stringify({ epoch, ...minus(stopped, begun), accuracy, peakMiB }));
    begun = minus(begun, minus(stopped, read()));
  },
});
