/** The method on made data: training with OABN, merging, quantization after training, and ClusterQAT. */
import {
  type Architecture,
  calibrate,
  type Dataset,
  evaluate,
  finetunedNetwork,
  finetuneState,
  finetuneSteps,
  forwardQuantized,
  initialize,
  initialState,
  madeDataset,
  mergeNetwork,
  normalizeArchitecture,
  pretrainStep,
  ptqMethods,
  type QuantizedNetwork,
  takeCalibration,
  toStateDict,
  toVariables,
  train,
  type TrainState,
  type TrainStep,
} from 'oabn';
import { compile, useBackend } from 'tfjs-native';

const batchSize = 50;
const sgd = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 };
const scheme = { bits: 4, weights: 'cluster' } as const;

await useBackend('wasm');
const [images, testImages] = (['train', 'test'] as const).map((split) =>
  madeDataset({ split, size: 500, difficulty: 0 }),
) as [Dataset, Dataset];
const arch: Architecture = normalizeArchitecture({
  widths: [8, 8, 16],
  depths: [1, 2, 1],
  strides: [2, 1, 2],
  classes: images.classes.length,
  oabn: { threshold: 0.5 },
});

const { params, buffers } = toVariables(initialize(arch, 1));
const step = pretrainStep(arch, sgd);
const trained = await learn('train', initialState(params, buffers), () => step, 10, 0.1);
const merged = mergeNetwork(arch, await toStateDict(trained.params, trained.buffers));
const calibration = await takeCalibration(images, 100);
const ptq = await ptqMethods.mse.quantize({
  ...{ arch, merged, calibration, imageShape: images.imageShape, seed: 1 },
  scheme: { bits: 4, weights: 'uniform' },
});
const tuned = await learn(
  'fine-tune',
  finetuneState({ arch, scheme, network: merged, ranges: await calibrate(arch, merged, [calibration]) }),
  finetuneSteps({ arch, scheme, ...sgd }),
  2,
  0.01,
);
const clustered = finetunedNetwork({
  arch,
  scheme,
  params: await toStateDict(tuned.params),
  buffers: await toStateDict(tuned.buffers),
});

const accuracies = { ptq: await accuracyOf(ptq), clustered: await accuracyOf(clustered) };
const kernel = clustered.stateDict['stage1.0.rbr_reparam.weight']!.data;
if (new Set(kernel).size > 16) throw new Error(`4 bits have 16 values, not ${new Set(kernel).size}`);
// Chance is 0.1.
if (!(accuracies.clustered > 0.3)) throw new Error(`Nothing was learned: ${JSON.stringify(accuracies)}`);
console.log(JSON.stringify(accuracies));

async function learn(
  task: string,
  state: TrainState,
  stepAt: (index: number) => TrainStep,
  epochs: number,
  learningRate: number,
): Promise<TrainState> {
  const options = { batchSize, shuffle: true, seed: 1 };
  return train(state, {
    task,
    stepAt,
    schedule: { learningRate, epochs, warmupEpochs: 0 },
    batchSize,
    stepsPerEpoch: images.size / batchSize,
    imageShape: images.imageShape,
    batches: (epoch, startBatch) => images.batches({ ...options, epoch, startBatch }),
    prepare: async (each, example, input) => {
      const fast = await compile(each, [example, input]);
      if (fast.stats.engine.kind !== 'onnxruntime') throw new Error(JSON.stringify(fast.stats.engine));
      return fast;
    },
  });
}

async function accuracyOf(network: QuantizedNetwork): Promise<number> {
  const { params } = toVariables(network.stateDict);
  const { accuracy } = await evaluate((x) => forwardQuantized(network, params, network.activations, x), {
    batches: testImages.batches({ batchSize }),
    batchSize,
    imageShape: testImages.imageShape,
  });
  return accuracy;
}
