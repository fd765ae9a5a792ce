/**
 * Activation quantization with a learned range (LSQ, Esser et al., arXiv 1902.08153, section 2.1). After ReLU
 * the levels are 0, S, … Q·S with Q = 2^b − 1, and what is learned is the largest, R = Q·S:
 *
 *     x̂ = S·min(round(x/S), Q)       ∂x̂/∂x = 1 inside, 0 where clamped       ∂x̂/∂S = round(x/S) − x/S inside, Q above
 *
 * LSQ divides the gradient of S by √(N·Q) for the sake of gradient descent; Adam steps by the same length
 * without it.
 */
import { tf } from 'tfjs-native';

/**
 * x ≥ 0 of any shape on the levels up to `reach`; forward as `fakeQuantizeActivation` of the range [0,
 * reach].
 */
export function quantizeLearnedRange<T extends tf.Tensor>(x: T, reach: tf.Scalar, quantMax: tf.Scalar): T {
  const quantize = tf.customGrad((...inputs) => {
    const [value, range, save] = inputs as unknown as [tf.Tensor, tf.Scalar, tf.GradSaveFunc];
    const scale = tf.maximum(tf.div(range, quantMax), 1e-12);
    const levels = tf.div(value, scale);
    const rounded = tf.round(levels);
    const clamped = tf.minimum(rounded, quantMax);
    const inside = tf.cast(tf.equal(rounded, clamped), 'float32');
    save([inside, tf.sub(clamped, tf.mul(levels, inside))]);
    return {
      value: tf.mul(clamped, scale),
      gradFunc: (dy: tf.Tensor, [passes, slope]: tf.Tensor[]) => [
        tf.mul(dy, passes!),
        tf.div(tf.sum(tf.mul(dy, slope!)), quantMax),
      ],
    };
  });
  return quantize(x, reach) as T;
}
