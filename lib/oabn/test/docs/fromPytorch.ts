import { madeDataset } from 'oabn';
import { compile, tf, useBackend } from 'tfjs-native';

const { name, device } = await useBackend(); // the GPU where there is one
console.log(`${name} on ${device}`);

const dataset = madeDataset({ split: 'train', size: 400, difficulty: 0 }); // or await openDataset({ name: 'cifar10' })
const epoch = (n: number) =>
  dataset.batches({ batchSize: 50, shuffle: true, dropLast: true, seed: 1, epoch: n });

import { initialize, loadNetwork, normalizeArchitecture, saveNetwork, toVariables } from 'oabn';

const arch = normalizeArchitecture({
  ...{ widths: [8, 8, 16], depths: [1, 2, 1], strides: [2, 1, 2], classes: 10 }, // repvgg('A0', { classes: 10 }) is A0
  oabn: { threshold: 0.5 }, // s; without it: plain BN
});
await saveNetwork('network.safetensors', { arch, stateDict: initialize(arch, 1), form: 'training' });
const { stateDict } = await loadNetwork('network.safetensors');
console.log(stateDict['stage1.1.rbr_identity.weight']!.shape); // RepVGG's own names

import { initialState, pretrainStep, toStateDict } from 'oabn';

const { params, buffers } = toVariables(stateDict); // buffers: running_mean, running_var
const step = pretrainStep(arch, { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 });
let state = initialState(params, buffers);
let fast;
for await (const { images, labels, size } of epoch(0)) {
  const input = {
    images: tf.tensor4d(images, [size, ...dataset.imageShape]),
    labels: tf.tensor1d(labels, 'int32'),
    learningRate: tf.scalar(0.1),
  };
  fast ??= await compile(step, [state, input]);
  const next = await fast(state, input);
  tf.dispose([state, input, next.metrics] as unknown as tf.TensorContainer);
  state = next.state;
}
await fast?.dispose();
const trained = await toStateDict(state.params, state.buffers);

import { analyzeOutliers, mergeNetwork } from 'oabn';

const merged = mergeNetwork(arch, trained); // one 3×3 convolution per block, `rbr_reparam`
console.log(analyzeOutliers(arch, trained)[0]!.peakToSigma); // max|w|/σ, what few bits suffer from

import { activationQuantizer, calibrate, ptqMethods, quantizeNetwork, takeCalibration } from 'oabn';

const calibration = await takeCalibration(dataset, 100); // images of all classes
const ranges = await calibrate(arch, merged, [calibration]);
const { scale, zeroPoint } = activationQuantizer(ranges['stage1.0']!, 4);
console.log(scale, zeroPoint);

const scheme = { bits: 4, weights: 'uniform' } as const;
const minMax = quantizeNetwork({ arch, merged, ranges, scheme });
const best = await ptqMethods.mse.quantize({
  ...{ arch, merged, scheme, calibration, imageShape: dataset.imageShape, seed: 1 },
});

import { fakeQuantizeWeights, finetunedNetwork, finetuneState, finetuneSteps } from 'oabn';

const weight = tf.randomNormal([3, 3, 8, 8]);
const gradient = tf.grad((w) => tf.sum(fakeQuantizeWeights(w, 4)))(weight); // straight through
console.log((await gradient.min().data())[0]); // 1

// prepare_qat: the merged network, with quantizers in its state; weights 'cluster' is ClusterQAT
const qat = { arch, scheme: { bits: 4, weights: 'cluster' } } as const;
const begin = finetuneState({ ...qat, network: merged, ranges });
const stepAt = finetuneSteps({ ...qat, momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0 });
const { state: tuned } = stepAt(0)(begin, {
  images: tf.tensor4d(calibration.images, [calibration.size, ...dataset.imageShape]),
  labels: tf.tensor1d(calibration.labels, 'int32'),
  learningRate: tf.scalar(0.01),
});
// convert: kernels that hold their quantized values
const clustered = finetunedNetwork({
  ...qat,
  params: await toStateDict(tuned.params),
  buffers: await toStateDict(tuned.buffers),
});

import { evaluate, forwardQuantized, saveOnnx } from 'oabn';

for (const [method, network] of Object.entries({ minMax, best, clustered })) {
  const variables = toVariables(network.stateDict);
  const { accuracy } = await evaluate(
    (images) => forwardQuantized(network, variables.params, network.activations, images),
    { batches: dataset.batches({ batchSize: 50 }), batchSize: 50, imageShape: dataset.imageShape },
  );
  console.log(method, accuracy);
}
const bytes = await saveOnnx('network.onnx', { ...clustered, quantization: clustered }); // 4 bits per weight
console.log(`${bytes} bytes`);
