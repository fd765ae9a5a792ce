/** Accuracy of a network over a dataset. */
import { tf } from 'tfjs-native';
import type { ImageShape, LabelledBatch } from './loop.js';

export interface Accuracy {
  /** Share of images whose largest logit is at the label, in [0, 1]. */
  readonly accuracy: number;
  readonly images: number;
}

/**
 * The accuracy of `logitsOf` over `batches`. All batches are brought to `batchSize` images (the last one is padded
 * with zeros that do not count), so that one compiled function serves.
 */
export async function evaluate(
  logitsOf: (images: tf.Tensor4D) => tf.Tensor2D | Promise<tf.Tensor2D>,
  batches: AsyncIterable<LabelledBatch> | Iterable<LabelledBatch>,
  batchSize: number,
  imageShape: ImageShape,
): Promise<Accuracy> {
  let [correct, total] = [0, 0];
  for await (const { images, labels, size } of batches) {
    const padded = size === batchSize ? images : paddedTo(images, (batchSize * images.length) / size);
    const input = tf.tensor4d(padded, [batchSize, ...imageShape]);
    const logits = await logitsOf(input);
    const predicted = await tf.tidy(() => tf.argMax(logits, 1)).data();
    for (let i = 0; i < size; i++) if (predicted[i] === labels[i]) correct++;
    total += size;
    tf.dispose([input, logits]);
  }
  return { accuracy: correct / total, images: total };
}

function paddedTo(values: Float32Array, length: number): Float32Array {
  const padded = new Float32Array(length);
  padded.set(values);
  return padded;
}
