/**
 * Stochastic gradient descent with Nesterov momentum, as `torch.optim.SGD(nesterov=True)` computes it:
 *
 *     g ← g + λ·p      v ← m·v + g      p ← p − lr·(g + m·v)
 *
 * Weight decay λ acts on kernels and the classifier's matrix, not on BN, biases or quantizers.
 */
import { tf } from '../backend/index.js';
import type { Tensors } from '../model/index.js';

export interface SgdOptions {
  /** m in [0, 1). */
  readonly momentum: number;
  /** λ ≥ 0. */
  readonly weightDecay: number;
}

/** The momentum before the first step: zeros. */
export function zeroMomentum(params: Tensors): Tensors {
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, tf.zerosLike(param)]));
}

/** Parameters and momentum after one step; `learningRate` is a scalar tensor, so that it is no constant of a trace. */
export function sgdStep(
  params: Tensors,
  gradients: Tensors,
  momentum: Tensors,
  learningRate: tf.Scalar,
  options: SgdOptions,
): { params: Tensors; momentum: Tensors } {
  const nextParams: Record<string, tf.Tensor> = {};
  const nextMomentum: Record<string, tf.Tensor> = {};
  for (const [name, param] of Object.entries(params)) {
    const decays = param.rank > 1 && options.weightDecay > 0;
    const gradient = decays ? tf.add(gradients[name]!, tf.mul(param, options.weightDecay)) : gradients[name]!;
    const velocity = tf.add(tf.mul(momentum[name]!, options.momentum), gradient);
    const direction = tf.add(gradient, tf.mul(velocity, options.momentum));
    nextMomentum[name] = velocity;
    nextParams[name] = tf.sub(param, tf.mul(direction, learningRate));
  }
  return { params: nextParams, momentum: nextMomentum };
}
