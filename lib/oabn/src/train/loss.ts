/**
 * Cross entropy with label smoothing (Szegedy et al., arXiv 1512.00567), averaged over the batch, as in
 * PyTorch.
 */
import { tf } from 'tfjs-native';

/**
 * Scalar loss of logits [N, classes] for labels [N] (int32); `smoothing` in [0, 1) is spread over all
 * classes.
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
