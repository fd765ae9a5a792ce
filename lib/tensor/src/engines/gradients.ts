/**
 * The gradients of Sum and Mean without `tf.ones`: tfjs multiplies by a tensor of ones that it makes in
 * JavaScript and uploads at every call (8 MB for one batch-norm statistic of 128 images). A broadcast gives
 * the same values, made where the data is.
 */
import { tf } from './tf.js';

/** `dy` of a reduction of `x` over `axis`, spread over the shape of x. */
function spread(dy: tf.Tensor, x: tf.Tensor, axis: number | number[]): tf.Tensor {
  const axes = tf.util.parseAxisParam(axis, x.shape);
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return tf.broadcastTo(tf.reshape(dy, kept), x.shape);
}

interface Reduction {
  readonly axis: number | number[];
}

function replaceGradient(
  kernelName: string,
  gradient: (dy: tf.Tensor, x: tf.Tensor, at: Reduction) => tf.Tensor,
) {
  tf.unregisterGradient(kernelName);
  tf.registerGradient({
    kernelName,
    inputsToSave: ['x'],
    gradFunc: (dy, [x], attrs) => ({
      x: () => gradient(dy as tf.Tensor, x!, attrs as unknown as Reduction),
    }),
  });
}

/** Registers both, for all backends; calling it again does no harm. */
export function replaceReductionGradients(): void {
  replaceGradient(tf.Sum, (dy, x, { axis }) => spread(dy, x, axis));
  replaceGradient(tf.Mean, (dy, x, { axis }) => {
    const reduced = x.size / dy.size;
    return spread(tf.div(dy, reduced), x, axis);
  });
}
