/** Gradients by name: what `tf.valueAndGrads` gives for a list, for a record of parameters. */
import { tf } from '../backend/index.js';
import type { Tensors } from '../model/index.js';

export interface ValueAndGradients<Extra extends Tensors> {
  readonly value: tf.Scalar;
  readonly gradients: Tensors;
  readonly extra: Extra;
}

/**
 * The value of `loss` at `params`, its gradients, and the tensors that it computed on the way (`extra`: the new
 * running statistics, say). The extras are kept out of the enclosing `tf.tidy`: the caller disposes of them.
 */
export function valueAndGradients<Extra extends Tensors>(
  params: Tensors,
  loss: (params: Tensors) => { value: tf.Scalar; extra: Extra },
): ValueAndGradients<Extra> {
  const names = Object.keys(params);
  let extra: Extra | undefined;
  const differentiate = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
    const result = loss(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])));
    extra = result.extra;
    // The engine frees what a differentiated function does not return.
    for (const tensor of Object.values(extra)) tf.keep(tensor);
    return result.value;
  });
  const { value, grads } = differentiate(names.map((name) => params[name]!));
  const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i]!]));
  return { value: value as tf.Scalar, gradients, extra: extra! };
}
