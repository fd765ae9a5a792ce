/**
 * Gradients by name: what `tf.valueAndGrads` gives for a list, for a record of parameters; and the scale of
 * the loss that keeps them within the reach of half precision.
 */
import { tf } from 'tfjs-native';
import type { Tensors } from '../model/index.js';

/** A loss, its gradients by the parameters' names, and whatever else was computed on the way. */
export interface ValueAndGradients<Extra extends Tensors> {
  readonly value: tf.Scalar;
  readonly gradients: Tensors;
  readonly extra: Extra;
}

/**
 * What to multiply the mean loss of a batch by where products are of half precision (loss scaling: arXiv
 * 1710.03740, section 3.2); a power of two, so that dividing by it again loses nothing. Half precision has
 * its eleven bits from 6e-5 to 7e4, and nothing below 3e-8. Behind the convolutions of RepVGG-A0 gradients
 * have medians of 3e-8 to 3e-6 at batch 128: 95 to 99% of them would lose bits and 9 to 18% be gone. They
 * reach 1e-2. With 512 for each image less than 1% lose bits, and the upper end is far
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
