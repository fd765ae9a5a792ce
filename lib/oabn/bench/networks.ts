/**
 * The steps that benchmarks time: RepVGG-A0 with three branches and OABN (s = 2), or merged with 4-bit
 * ClusterQAT.
 */
import { tf } from 'tfjs-native';
import { mergeNetwork } from '../src/merge/index.js';
import { initialize, quantizedBlocks, repvgg, toVariables } from '../src/model/index.js';
import {
  finetuneState,
  finetuneSteps,
  initialState,
  pretrainStep,
  type StepInput,
  type TrainState,
  type TrainStep,
} from '../src/train/index.js';

export type StepKind = 'pretrain' | 'qat';

const training = { momentum: 0.9, weightDecay: 1e-4, labelSmoothing: 0.1 };
const scheme = { bits: 4, weights: 'cluster' } as const;

/** The step and the state before it; the same numbers for the same arguments. */
export function stepAndState(
  { kind, width }: { readonly kind: StepKind; readonly width: number },
  lossScale = 1,
): { step: TrainStep; state: TrainState } {
  const options = { ...training, lossScale };
  const arch = repvgg('A0', { width, oabn: { threshold: 2 } });
  const stateDict = initialize(arch, 1);
  if (kind === 'pretrain') {
    const { params, buffers } = toVariables(stateDict);
    return { step: pretrainStep(arch, options), state: initialState(params, buffers) };
  }
  const ranges = Object.fromEntries(quantizedBlocks(arch).map(({ name }) => [name, { min: 0, max: 3 }]));
  const state = finetuneState({ arch, scheme, network: mergeNetwork(arch, stateDict), ranges });
  return { step: finetuneSteps({ arch, scheme, ...options })(0), state };
}

/** A batch of random images of `side`×`side` pixels with labels in turn. */
export function stepInput(batch: number, side: number): StepInput {
  return {
    images: tf.randomNormal([batch, side, side, 3], 0, 1, 'float32', 1) as tf.Tensor4D,
    labels: tf.tensor1d(
      Array.from({ length: batch }, (_, i) => i % 10),
      'int32',
    ),
    learningRate: tf.scalar(0.05),
  };
}
