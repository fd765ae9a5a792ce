/**
 * Stochastic gradient descent with Nesterov momentum, as `torch.optim.SGD(nesterov=True)` computes it:
 *
 *     g ← g + λ·p      v ← m·v + g      p ← p − lr·(g + m·v)
 *
 * Weight decay λ acts on kernels and the classifier's matrix, not on BN, biases or quantizers, unless a
 * parameter has a rule of its own.
 */
import { tf } from 'tfjs-native';
import type { Tensors } from '../model/index.js';

/** SGD with momentum and weight decay, as PyTorch's. */
export interface SgdOptions {
  /** Momentum m, in [0, 1). */
  readonly momentum: number;
  /** Weight decay λ, ≥ 0. */
  readonly weightDecay: number;
}

/** How a parameter is trained that differs from the others, such as a quantizer's or a learned s. */
export interface ParameterRule {
  /** Factor of the step's learning rate; default 1. */
  readonly rate?: number;
  /** Weight decay λ of this parameter: g ← g + λ·p. */
  readonly weightDecay?: number;
  /** λ of an L1 regularizer: g ← g + λ·sign(p). */
  readonly signDecay?: number;
}

/** The rule of the named parameter; undefined means the usual one. */
export type ParameterRules = (name: string) => ParameterRule | undefined;

/** The momentum before the first step: zeros. */
export function zeroMomentum(params: Tensors): Tensors {
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, tf.zerosLike(param)]));
}

/** What a step of SGD starts from: tensors by the parameters' names. */
export interface SgdState {
  /** The parameters. */
  readonly params: Tensors;
  /** The gradient of each parameter. */
  readonly gradients: Tensors;
  /** `zeroMomentum(params)` before the first step. */
  readonly momentum: Tensors;
  /** A tensor, so that it is not a constant of a compiled step. */
  readonly learningRate: tf.Scalar;
}

/** Parameters and momentum after one step; `rules` apply to parameters that differ from the others. */
export function sgdStep(
  { params, gradients, momentum, learningRate }: SgdState,
  options: SgdOptions & { readonly rules?: ParameterRules | undefined },
): { params: Tensors; momentum: Tensors } {
  const { rules = () => undefined } = options;
  const nextParams: Record<string, tf.Tensor> = {};
  const nextMomentum: Record<string, tf.Tensor> = {};
  for (const [name, param] of Object.entries(params)) {
    const rule = rules(name);
    const gradient = decayed(
      gradients[name]!,
      param,
      rule ?? { weightDecay: param.rank > 1 ? options.weightDecay : 0 },
    );
    const velocity = tf.add(tf.mul(momentum[name]!, options.momentum), gradient);
    const direction = tf.add(gradient, tf.mul(velocity, options.momentum));
    nextMomentum[name] = velocity;
    const { rate = 1 } = rule ?? {};
    nextParams[name] = tf.sub(
      param,
      tf.mul(direction, rate === 1 ? learningRate : tf.mul(learningRate, rate)),
    );
  }
  return { params: nextParams, momentum: nextMomentum };
}

/**
 * The gradients, times one factor where they are longer than `maxNorm` all together (Euclidean norm), so that they
 * are as long: `torch.nn.utils.clip_grad_norm_`.
 */
export function clipGradients(gradients: Tensors, maxNorm: number): Tensors {
  const squares = Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(squares.reduce((sum, square) => tf.add(sum, square)));
  const factor = tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6)));
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, tf.mul(gradient, factor)]),
  );
}

function decayed(
  gradient: tf.Tensor,
  param: tf.Tensor,
  { weightDecay = 0, signDecay = 0 }: ParameterRule,
): tf.Tensor {
  const decayed = weightDecay > 0 ? tf.add(gradient, tf.mul(param, weightDecay)) : gradient;
  return signDecay > 0 ? tf.add(decayed, tf.mul(tf.sign(param), signDecay)) : decayed;
}
