/** Tensor functions on the host: for merging and finishing, which are synchronous and small. */
import { tf } from 'tfjs-native';

/**
 * The values of the tensor that `compute` returns, at once. WebGPU cannot be read at once, so the function
 * runs on the plain JavaScript backend there.
 */
export function valuesOnHost(compute: () => tf.Tensor): Float32Array {
  const before = tf.getBackend();
  const elsewhere = before === 'webgpu';
  // This backend starts synchronously, so the promise is settled already.
  if (elsewhere) void tf.setBackend('cpu');
  try {
    return tf.tidy(
      () => Float32Array.from(compute().dataSync()) as unknown as tf.TensorContainer,
    ) as unknown as Float32Array;
  } finally {
    if (elsewhere) void tf.setBackend(before);
  }
}
