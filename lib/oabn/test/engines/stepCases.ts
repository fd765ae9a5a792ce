/** Training steps of small networks with everything that real ones have, for every engine to be tested by. */
import { tf } from 'tfjs-native';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture, quantizedBlocks, toVariables } from '../../src/model/index.js';
import {
  finetuneState,
  finetuneSteps,
  initialState,
  pretrainStep,
  type StepInput,
  type TrainState,
  type TrainStep,
} from '../../src/train/index.js';
import { sample } from '../../../tensor/test/compile/support.js';

/** All three branches, strides 1 and 2, channels that fill the engine's blocks and that do not. */
export const arch = normalizeArchitecture({
  widths: [8, 8, 16, 24, 40],
  depths: [1, 1, 2, 1, 1],
  strides: [1, 1, 2, 2, 1],
  classes: 10,
  oabn: { threshold: 1 },
});
export const options = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0.1 };

export function batch(size = 16): StepInput {
  return {
    images: sample([size, 8, 8, 3], 5, -2, 2) as tf.Tensor4D,
    labels: tf.tensor1d(
      Array.from({ length: size }, (_, i) => i % 10),
      'int32',
    ),
    learningRate: tf.scalar(0.05),
  };
}

export function pretraining(network = arch): TrainState {
  const { params, buffers } = toVariables(initialize(network, 1));
  return initialState(params, buffers);
}

export const scheme = { bits: 4, weights: 'cluster' } as const;

export function finetuning(network = arch): TrainState {
  const ranges = Object.fromEntries(quantizedBlocks(network).map(({ name }) => [name, { min: 0, max: 3 }]));
  // Levels times levels often add up to zero exactly, where rounding would decide which way ReLU goes; biases
  // other than zero avoid that.
  const merged = Object.entries(mergeNetwork(network, initialize(network, 2))).map(([name, tensor]) => {
    const noise = sample([...tensor.shape], 9, 0.01, 0.1).dataSync() as Float32Array;
    return [name, name.endsWith('.bias') ? { ...tensor, data: noise } : tensor] as const;
  });
  return finetuneState({ arch: network, scheme, network: Object.fromEntries(merged), ranges });
}

export interface StepCase {
  readonly name: string;
  readonly step: TrainStep;
  readonly begin: () => TrainState;
  readonly steps: number;
}

const straightThrough = {
  threshold: 0.8,
  gradient: 'straightThrough',
  branches: ['3x3', '1x1', 'identity'],
} as const;

export const stepCases: readonly StepCase[] = [
  {
    name: 'a pretraining step with three branches and OABN',
    step: pretrainStep(arch, options),
    begin: () => pretraining(),
    steps: 3,
  },
  {
    name: 'a pretraining step with OABN straight through on all branches',
    step: pretrainStep({ ...arch, oabn: straightThrough }, options),
    begin: () => pretraining(),
    steps: 2,
  },
  {
    name: 'a ClusterQAT step',
    step: finetuneSteps({ arch, scheme, ...options })(0),
    begin: () => finetuning(),
    steps: 3,
  },
  {
    name: 'a ClusterQAT step whose centroids rest',
    step: finetuneSteps({ arch, scheme, ...options, cluster: { updateEvery: 2 } })(1),
    begin: () => finetuning(),
    steps: 2,
  },
  {
    name: 'a uniform QAT step',
    step: finetuneSteps({ arch, scheme: { bits: 4, weights: 'uniform' }, ...options })(0),
    begin: () => finetuning(),
    steps: 2,
  },
];
