/**
 * One training step as a pure function: a state and a batch in, the next state and metrics out. Pretraining
 * and fine-tuning differ in their step and share everything else (the loop, checkpoints, resuming,
 * compilation).
 */
import { tf } from 'tfjs-native';
import { type Architecture, forward, isThreshold, thresholdDecayOf, type Tensors } from '../model/index.js';
import { averaging, beginAverage, type EmaOptions } from './average.js';
import { customL2Gradients, type DecayPolicy, decayRules } from './decay.js';
import { valueAndGradients } from './gradients.js';
import { regularization, type Regularizer } from './regularizer.js';
import { countCorrect, crossEntropy } from './loss.js';
import { type ParameterRules, type SgdOptions, sgdStep, zeroMomentum } from './sgd.js';

/** Everything that a step changes. Nothing else influences the next one, which makes resuming exact. */
export interface TrainState {
  readonly params: Tensors;
  /** Untrained state: running statistics in pretraining, quantizers in fine-tuning. */
  readonly buffers: Tensors;
  /** Of the optimizer, as `params`. */
  readonly momentum: Tensors;
  /** Running average of `params`, where one is kept. */
  readonly average?: Tensors;
}

/** A batch on the engine, and the learning rate, which changes and is a tensor for that reason. */
export interface StepInput {
  /** [N,H,W,3], normalized. */
  readonly images: tf.Tensor4D;
  /** [N], int32. */
  readonly labels: tf.Tensor1D;
  readonly learningRate: tf.Scalar;
}

/** What a step returns: a new state, and the batch's metrics. */
export interface StepResult {
  readonly state: TrainState;
  /** The batch's mean loss and the number of images it got right. */
  readonly metrics: { readonly loss: tf.Scalar; readonly correct: tf.Scalar };
}

/** A training step as a pure function, which can be compiled. */
export type TrainStep = (state: TrainState, input: StepInput) => StepResult;

/** SGD's options, and those of the loss. */
export interface StepOptions extends SgdOptions {
  /** Label smoothing in [0, 1). */
  readonly labelSmoothing: number;
  /** Of `valueAndGradients`: a power of two, for products in half precision; default 1. */
  readonly lossScale?: number;
}

/** Options that only the training of a three-branch network has. */
export interface PretrainStepOptions extends StepOptions {
  /** What weight decay acts on; default `kernels`. */
  readonly decay?: DecayPolicy;
  /** Average the weights over the steps; default not. */
  readonly ema?: EmaOptions;
  /** What the loss has beside cross entropy and weight decay; default nothing. */
  readonly regularizer?: Regularizer;
}

/** The state before the first step; with `ema`, the average begins at the parameters. */
export function initialState(params: Tensors, buffers: Tensors, ema?: EmaOptions): TrainState {
  return {
    ...{ params, buffers, momentum: zeroMomentum(params) },
    ...(ema && { average: beginAverage(params) }),
  };
}

/** A pretraining step of the three-branch network, with BN or OABN as `arch` says. */
export function pretrainStep(arch: Architecture, options: PretrainStepOptions): TrainStep {
  const { decay = 'kernels', ema, regularizer, weightDecay } = options;
  const [ofThreshold, ofDecay] = [thresholdRules(arch), decayRules(arch, decay, weightDecay)];
  const step = gradientStep(
    options,
    (params, buffers, images) => forward(arch, { params, buffers }, images, { training: true }),
    (name) => ofThreshold(name) ?? ofDecay(name),
    decay === 'repvggCustom'
      ? (params, buffers) => customL2Gradients(arch, weightDecay, params, buffers)
      : undefined,
    regularizer && ((params, buffers) => regularization(arch, regularizer, params, buffers)),
  );
  return ema ? averaging(step, ema) : step;
}

/** How the learned s of OABN decay; nothing for networks without. */
export function thresholdRules({ oabn }: Architecture): ParameterRules {
  const { regularizer, coefficient } = thresholdDecayOf(oabn?.learned ?? false);
  const rule = regularizer === 'l2' ? { weightDecay: coefficient } : { signDecay: coefficient };
  return (name) => (isThreshold(name) ? rule : undefined);
}

/**
 * A step of gradient descent on the cross entropy of the logits that `network` computes.
 * @param penalty gradients that are added to those of the loss, by name
 * @param more what is added to the loss, and so to its metric
 */
export function gradientStep(
  options: StepOptions,
  network: (
    params: Tensors,
    buffers: Tensors,
    images: tf.Tensor4D,
  ) => { logits: tf.Tensor2D; buffers: Tensors },
  rules?: ParameterRules,
  penalty?: (params: Tensors, buffers: Tensors) => Tensors,
  more?: (params: Tensors, buffers: Tensors) => tf.Scalar,
): TrainStep {
  return ({ params, buffers, momentum }, { images, labels, learningRate }) => {
    const lossOf = (tracked: Tensors) => {
      const { logits, buffers: nextBuffers } = network(tracked, buffers, images);
      const entropy = crossEntropy(logits, labels, options.labelSmoothing);
      const loss = more ? tf.add<tf.Scalar>(entropy, more(tracked, buffers)) : entropy;
      // '#' cannot begin a parameter's name, so the metric and the buffers share one record.
      return { value: loss, extra: { ...nextBuffers, '#correct': countCorrect(logits, labels) } };
    };
    const { value, gradients, extra } = valueAndGradients(params, lossOf, options.lossScale);
    const { '#correct': correct, ...nextBuffers } = extra as Record<string, tf.Tensor>;
    const penalized = { ...gradients };
    for (const [name, more] of Object.entries(penalty?.(params, buffers) ?? {})) {
      penalized[name] = tf.add(gradients[name]!, more);
    }
    const next = sgdStep({ params, gradients: penalized, momentum, learningRate }, { ...options, rules });
    return {
      state: { ...next, buffers: nextBuffers },
      metrics: { loss: value, correct: correct as tf.Scalar },
    };
  };
}
