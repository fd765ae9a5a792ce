/** Accuracy of a network over a dataset. */
import { tf } from 'tfjs-native';
import { check, packBits } from 'oabn-base';
import type { ImageShape, LabelledBatch } from './loop.js';

/** The accuracy of a network, and on how many images it was measured. */
export interface Accuracy {
  /** Share of images whose largest logit is at the label, in [0, 1]. */
  readonly accuracy: number;
  /** The number of images that it was measured on. */
  readonly images: number;
  /**
   * Which of the images were classified correctly, in their order: base64 of a bitmap, read by `unpackBits`.
   * Two networks measured on the same images can then be compared image by image. Older results lack it.
   */
  readonly right?: string;
}

/** What a network is evaluated on. */
export interface EvaluationOptions {
  /** The images, of `batchSize` or fewer each. */
  readonly batches: AsyncIterable<LabelledBatch> | Iterable<LabelledBatch>;
  /** Images in one call of the network. */
  readonly batchSize: number;
  /** [H, W, 3] */
  readonly imageShape: ImageShape;
  /** When aborted, ends the evaluation between two batches. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The accuracy of `logitsOf` over `batches`. All batches are brought to `batchSize` images (the last one is
 * padded with zeros that do not count), so that one compiled function serves.
 * @throws UserError naming the image and the class at the first logit that is not finite
 */
export async function evaluate(
  logitsOf: (images: tf.Tensor4D) => tf.Tensor2D | Promise<tf.Tensor2D>,
  { batches, batchSize, imageShape, signal }: EvaluationOptions,
): Promise<Accuracy> {
  const right: boolean[] = [];
  for await (const { images, labels, size } of batches) {
    signal?.throwIfAborted();
    const padded = size === batchSize ? images : paddedTo(images, (batchSize * images.length) / size);
    const input = tf.tensor4d(padded, [batchSize, ...imageShape]);
    const [predicted, values] = await read(logitsOf, input);
    const perImage = values.length / batchSize;
    checkLogits(values.subarray(0, perImage * size), perImage, right.length);
    for (let i = 0; i < size; i++) right.push(predicted[i] === labels[i]);
  }
  const correct = right.filter(Boolean).length;
  return { accuracy: correct / right.length, images: right.length, right: packBits(right) };
}

/** The classes of the images and their logits; the images are disposed of. */
async function read(
  logitsOf: Parameters<typeof evaluate>[0],
  images: tf.Tensor4D,
): Promise<[classes: Int32Array, logits: Float32Array]> {
  const made: tf.Tensor[] = [images];
  try {
    const logits = await logitsOf(images);
    made.push(logits);
    const classes = tf.tidy(() => tf.argMax(logits, 1));
    made.push(classes);
    return (await Promise.all([classes.data(), logits.data()])) as [Int32Array, Float32Array];
  } finally {
    tf.dispose(made);
  }
}

/** The largest of logits that are all NaN is class 0: a broken network would look like one that guesses. */
function checkLogits(logits: ArrayLike<number> & Iterable<number>, classes: number, first: number): void {
  const bad = Array.prototype.findIndex.call(logits, (value) => !Number.isFinite(value));
  check(
    bad < 0,
    () =>
      `The logit of class ${bad % classes} is ${logits[bad]} for test image ${first + Math.floor(bad / classes)}: ` +
      'the network overflows single precision, or its numbers are broken',
  );
}

function paddedTo(values: Float32Array, length: number): Float32Array {
  const padded = new Float32Array(length);
  padded.set(values);
  return padded;
}
