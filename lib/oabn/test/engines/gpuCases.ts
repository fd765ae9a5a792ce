/**
 * What of this library only the GPU engine does in a way of its own: updates of few numbers, quantizers,
 * whole steps.
 */
import { tf } from 'tfjs-native';
import { sample } from '../../../tensor/test/compile/support.js';
import type { Checked } from '../../../tensor/test/compile/webgpu/agree.js';
import { type Architecture, normalizeArchitecture } from '../../src/model/index.js';
import { fakeQuantizeActivation, updateCentroids } from '../../src/quantize/index.js';
import { finetuneSteps, pretrainStep } from '../../src/train/index.js';
import { finetuning, options, pretraining, scheme, type StepCase } from './stepCases.js';

export const gpuCases: readonly (Checked & { readonly name: string })[] = [
  {
    name: 'an update of centroids, with an empty cluster',
    step: (w: tf.Tensor, c: tf.Tensor) => updateCentroids(w, c as tf.Tensor1D),
    args: () => [sample([3, 3, 16, 16], 2), tf.tensor1d([-0.9, -0.4, -0.1, 0, 0.2, 0.5, 0.8, 7])],
  },
  {
    name: 'fake quantization after ReLU, with its gradient',
    step: (x: tf.Tensor, low: tf.Tensor, high: tf.Tensor) => {
      const quantized = (v: tf.Tensor): tf.Tensor =>
        fakeQuantizeActivation(tf.relu(v), low as tf.Scalar, high as tf.Scalar, 3);
      return [quantized(x), tf.grad((v) => tf.square(quantized(v)))(x)];
    },
    args: () => [sample([3, 5, 8], 1, -2, 3), tf.scalar(0), tf.scalar(2.1)],
  },
];

/**
 * Few blocks: an emulated GPU takes long to build the kernels of each, and four times as long where channels
 * go four at a time, which one of the steps is for.
 */
const network = (width: number): Architecture =>
  normalizeArchitecture({
    widths: [width, width],
    depths: [1, 1],
    strides: [1, 1],
    classes: 10,
    oabn: { threshold: 1 },
  });
export const gpuSteps: readonly StepCase[] = [
  {
    name: 'a pretraining step with OABN',
    step: pretrainStep(network(6), options),
    begin: () => pretraining(network(6)),
    steps: 2,
  },
  {
    name: 'a ClusterQAT step',
    step: finetuneSteps({ arch: network(6), scheme, ...options })(0),
    begin: () => finetuning(network(6)),
    steps: 2,
  },
  {
    name: 'a uniform QAT step',
    step: finetuneSteps({ arch: network(8), scheme: { bits: 4, weights: 'uniform' }, ...options })(0),
    begin: () => finetuning(network(8)),
    steps: 1,
  },
];
