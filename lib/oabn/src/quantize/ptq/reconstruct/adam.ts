/**
 * Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) on named tensors, as `torch.optim.Adam` computes it:
 *
 *     m ← 0.9·m + 0.1·g      v ← 0.999·v + 0.001·g²      p ← p − rate · (m/c₁) / (√(v/c₂) + 10⁻⁸)
 *
 * with the bias corrections c₁ = 1 − 0.9ᵗ and c₂ = 1 − 0.999ᵗ. They and the rates come in as scalar tensors,
 * so that one traced step serves all t.
 */
import { tf } from 'tfjs-native';
import type { Tensors } from '../../../model/index.js';

const [decay1, decay2, epsilon] = [0.9, 0.999, 1e-8];

/** Running means of the gradients and of their squares, by parameter. */
export interface Moments {
  readonly first: Tensors;
  readonly second: Tensors;
}

/** c₁ and c₂. */
export interface BiasCorrections {
  readonly first: tf.Scalar;
  readonly second: tf.Scalar;
}

/** The moments before the first step: zeros. */
export function zeroMoments(params: Tensors): Moments {
  const zeros = (): Tensors =>
    Object.fromEntries(Object.entries(params).map(([name, param]) => [name, tf.zerosLike(param)]));
  return { first: zeros(), second: zeros() };
}

/** c₁ and c₂ of step t = 1, 2, … as numbers. */
export function biasCorrections(t: number): { first: number; second: number } {
  return { first: 1 - decay1 ** t, second: 1 - decay2 ** t };
}

/** Parameters and moments after one step; `rateOf` gives each parameter's learning rate. */
export function adamStep(
  params: Tensors,
  gradients: Tensors,
  moments: Moments,
  corrections: BiasCorrections,
  rateOf: (name: string) => tf.Scalar,
): { params: Tensors; moments: Moments } {
  const next: Record<string, tf.Tensor> = {};
  const first: Record<string, tf.Tensor> = {};
  const second: Record<string, tf.Tensor> = {};
  for (const [name, param] of Object.entries(params)) {
    const gradient = gradients[name]!;
    first[name] = tf.add(tf.mul(moments.first[name]!, decay1), tf.mul(gradient, 1 - decay1));
    second[name] = tf.add(tf.mul(moments.second[name]!, decay2), tf.mul(tf.square(gradient), 1 - decay2));
    const direction = tf.div(
      tf.div(first[name], corrections.first),
      tf.add(tf.sqrt(tf.div(second[name], corrections.second)), epsilon),
    );
    next[name] = tf.sub(param, tf.mul(direction, rateOf(name)));
  }
  return { params: next, moments: { first, second } };
}
