/**
 * One training step as a pure function: a state and a batch in, the next state and metrics out. From top to
 * bottom: the state, the pretraining step, the step of gradient descent that fine-tuning shares, the
 * gradients by name, and the loss. Pretraining and fine-tuning differ in their step and share everything else
 * (the loop, checkpoints, resuming, compilation).
 */
import type { HostTensor } from 'oabn-base';
import { tf } from 'tfjs-native';
import {
  type Architecture,
  forward,
  forwardMerged,
  isThreshold,
  thresholdDecayOf,
  type Tensors,
} from '../model/index.js';
import { averaging, beginAverage, type EmaOptions } from './average.js';
import { customL2Gradients, type DecayPolicy, decayRules } from './decay.js';
import { mergedRegularization, regularization, type Regularizer } from './regularizer.js';
import { gradientFactors, type OptimizerName } from './repOptimizer.js';
import { clipGradients, type ParameterRules, type SgdOptions, sgdStep, zeroMomentum } from './sgd.js';

/** Everything that a step changes. Nothing else influences the next step, which makes resuming exact. */
export interface TrainState {
  /** What gradients change, by name. */
  readonly params: Tensors;
  /** Untrained state: running statistics in pretraining, quantizers in fine-tuning. */
  readonly buffers: Tensors;
  /** The momentum of the optimizer: names and shapes as in `params`. */
  readonly momentum: Tensors;
  /** Running average of `params`, where one is kept. */
  readonly average?: Tensors;
}

/** A batch on the engine, and the learning rate, which is a tensor because it changes. */
export interface StepInput {
  /** [N,H,W,3], normalized. */
  readonly images: tf.Tensor4D;
  /** [N], int32. */
  readonly labels: tf.Tensor1D;
  /** A scalar. */
  readonly learningRate: tf.Scalar;
}

/** What a step returns: a new state, and the metrics of the batch. */
export interface StepResult {
  /** The state after the step. */
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
  /** The norm > 0 that all gradients of the loss together are clipped at, before weight decay; default none. */
  readonly maxGradientNorm?: number;
  /** Passed to `valueAndGradients`: a power of two, for products in half precision; default 1. */
  readonly lossScale?: number;
}

/** Options that only the training of a three-branch network has. */
export interface PretrainStepOptions extends StepOptions {
  /** What weight decay acts on; default `kernels`. */
  readonly decay?: DecayPolicy;
  /** Average the weights over the steps; default: no average. */
  readonly ema?: EmaOptions;
  /** What the loss has besides cross entropy and weight decay; default nothing. */
  readonly regularizer?: Regularizer;
  /** Default `sgd`. */
  readonly optimizer?: OptimizerName;
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
  const { decay = 'kernels', ema, regularizer, weightDecay, optimizer } = options;
  const ofThreshold = thresholdRules(arch);
  // SGD decays the kernels by itself.
  const ofDecay = decay === 'kernels' ? () => undefined : decayRules(arch, decay, weightDecay);
  const step = gradientStep({
    ...options,
    network: (params, buffers, images) => forward(arch, { params, buffers }, images, { training: true }),
    rules: (name) => ofThreshold(name) ?? ofDecay(name),
    ...(decay === 'repvggCustom' && {
      decayGradients: (params, buffers) => customL2Gradients(arch, weightDecay, params, buffers),
    }),
    ...(regularizer && {
      regularization: (params, buffers) => regularization(arch, regularizer, params, buffers),
    }),
    ...(optimizer === 'repOptimizer' && { factors: gradientFactors(arch) }),
  });
  return ema ? averaging(step, ema) : step;
}

/** Options of a step on merged weights. */
export interface MergedStepOptions extends StepOptions {
  /** On the merged kernels; default nothing. */
  readonly regularizer?: Regularizer;
}

/** A step on the weights of a merged network, in FP32. */
export function mergedStep(arch: Architecture, { regularizer, ...options }: MergedStepOptions): TrainStep {
  return gradientStep({
    ...options,
    network: (params, buffers, images) => ({ logits: forwardMerged(arch, params, images), buffers }),
    ...(regularizer && {
      regularization: (params) => mergedRegularization(arch, regularizer, params),
    }),
  });
}

/** How the learned s of OABN decay; no rules for networks without one. */
export function thresholdRules({ oabn }: Architecture): ParameterRules {
  const { regularizer, coefficient } = thresholdDecayOf(oabn?.learned ?? false);
  const rule = regularizer === 'l2' ? { weightDecay: coefficient } : { signDecay: coefficient };
  return (name) => (isThreshold(name) ? rule : undefined);
}

/** What `gradientStep` descends on. */
export interface GradientStepOptions extends StepOptions {
  /** The logits [N, classes] of images [N,H,W,3], and the buffers after the batch. */
  readonly network: (
    params: Tensors,
    buffers: Tensors,
    images: tf.Tensor4D,
  ) => { logits: tf.Tensor2D; buffers: Tensors };
  /** Rules of parameters that are not trained like the others; default none. */
  readonly rules?: ParameterRules;
  /** What gradients of the loss are multiplied by, by the parameters' names; default 1. */
  readonly factors?: Readonly<Record<string, HostTensor<Float32Array>>>;
  /** Gradients that are added to those of the loss, by the parameters' names; default none. */
  readonly decayGradients?: (params: Tensors, buffers: Tensors) => Tensors;
  /** A scalar that is added to the loss, and so to its metric; default nothing. */
  readonly regularization?: (params: Tensors, buffers: Tensors) => tf.Scalar;
}

/** A step of gradient descent on the cross entropy of the logits that `network` computes. */
export function gradientStep(options: GradientStepOptions): TrainStep {
  const {
    network,
    rules,
    factors = {},
    decayGradients,
    maxGradientNorm,
    regularization: extraLoss,
  } = options;
  return ({ params, buffers, momentum }, { images, labels, learningRate }) => {
    const lossOf = (tracked: Tensors) => {
      const { logits, buffers: nextBuffers } = network(tracked, buffers, images);
      const entropy = crossEntropy(logits, labels, options.labelSmoothing);
      const loss = extraLoss ? tf.add<tf.Scalar>(entropy, extraLoss(tracked, buffers)) : entropy;
      // '#' cannot begin a parameter's name, so the metric and the buffers share one record.
      return { value: loss, extra: { ...nextBuffers, '#correct': countCorrect(logits, labels) } };
    };
    const { value, gradients, extra } = valueAndGradients(params, lossOf, options.lossScale);
    const { '#correct': correct, ...nextBuffers } = extra as Record<string, tf.Tensor>;
    const decayed = {
      ...(maxGradientNorm === undefined ? gradients : clipGradients(gradients, maxGradientNorm)),
    };
    for (const [name, { shape, data }] of Object.entries(factors)) {
      decayed[name] = tf.mul(decayed[name]!, tf.tensor(data, [...shape]));
    }
    for (const [name, more] of Object.entries(decayGradients?.(params, buffers) ?? {})) {
      decayed[name] = tf.add(decayed[name]!, more);
    }
    const next = sgdStep({ params, gradients: decayed, momentum, learningRate }, { ...options, rules });
    return {
      state: { ...next, buffers: nextBuffers },
      metrics: { loss: value, correct: correct as tf.Scalar },
    };
  };
}

/** A loss, its gradients by the parameters' names, and whatever else was computed on the way. */
export interface ValueAndGradients<Extra extends Tensors> {
  /** The loss, a scalar. */
  readonly value: tf.Scalar;
  /** The gradient of each parameter. */
  readonly gradients: Tensors;
  /** Whatever else the loss computed. */
  readonly extra: Extra;
}

/**
 * The factor by which to multiply a batch's mean loss where products have half precision (loss scaling: arXiv
 * 1710.03740, section 3.2); a power of two, so that dividing by it again loses nothing. Half precision has
 * its eleven bits from 6e-5 to 7e4, and nothing below 3e-8. Behind the convolutions of RepVGG-A0 gradients
 * have medians of 3e-8 to 3e-6 at batch 128: 95 to 99% of them would lose bits, and 9 to 18% would vanish.
 * They reach 1e-2. With 512 for each image, less than 1% lose bits, and the upper limit is far away
 * (`bench/half-gradients.ts`).
 */
export function halfPrecisionLossScale(batchSize: number): number {
  return 2 ** (9 + Math.round(Math.log2(batchSize)));
}

/**
 * The value of `loss` at `params`, its gradients, and the tensors that it computed on the way (`extra`: the
 * new running statistics, say). The extras are kept out of the enclosing `tf.tidy`: the caller disposes of
 * them.
 * @param lossScale what the loss is multiplied by while it is differentiated; neither value nor gradients
 * show it
 */
export function valueAndGradients<Extra extends Tensors>(
  params: Tensors,
  loss: (params: Tensors) => { value: tf.Scalar; extra: Extra },
  lossScale = 1,
): ValueAndGradients<Extra> {
  const names = Object.keys(params);
  let extra: Extra | undefined;
  const differentiate = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
    const result = loss(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])));
    extra = result.extra;
    // The engine frees what a differentiated function does not return.
    for (const tensor of Object.values(extra)) tf.keep(tensor);
    return lossScale === 1 ? result.value : tf.mul(result.value, lossScale);
  });
  const { value, grads } = differentiate(names.map((name) => params[name]!));
  const unscaled = (scaled: tf.Tensor): tf.Tensor =>
    lossScale === 1 ? scaled : tf.mul(scaled, 1 / lossScale);
  const gradients = Object.fromEntries(names.map((name, i) => [name, unscaled(grads[i]!)]));
  return { value: unscaled(value) as tf.Scalar, gradients, extra: extra! };
}

/**
 * Cross entropy with label smoothing (Szegedy et al., arXiv 1512.00567), averaged over the batch, as in
 * PyTorch: the scalar loss of logits [N, classes] for labels [N] (int32); `smoothing` in [0, 1) is spread
 * over all classes.
 */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, smoothing: number): tf.Scalar {
  const classes = logits.shape[1];
  const logProbabilities = tf.logSoftmax(logits);
  const oneHot = tf.oneHot(
    labels,
    classes,
    1 - smoothing + smoothing / classes,
    smoothing / classes,
    'float32',
  );
  return tf.neg(tf.mean(tf.sum(tf.mul(oneHot, logProbabilities), 1))) as tf.Scalar;
}

/** The number of rows of logits [N, classes] whose largest value is at the label. Scalar, float32. */
export function countCorrect(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')) as tf.Scalar;
}
