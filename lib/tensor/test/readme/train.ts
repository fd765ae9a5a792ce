import { compile, tf, useBackend } from 'tfjs-native';

const { name, device } = await useBackend(); // the best engine on this machine
console.log(`${name} on ${device}`);

/** One step of gradient descent: a pure function, tensors in, tensors out. */
function step(weights: tf.Tensor2D, x: tf.Tensor2D, y: tf.Tensor2D) {
  const lossOf = (w: tf.Tensor): tf.Scalar => tf.losses.meanSquaredError(y, tf.matMul(x, w));
  const { value: loss, grad } = tf.valueAndGrad(lossOf)(weights);
  return { loss, weights: tf.sub(weights, tf.mul(grad, 0.1)) as tf.Tensor2D };
}

const x: tf.Tensor2D = tf.randomNormal([64, 3], 0, 1, 'float32', 1);
const y: tf.Tensor2D = tf.matMul(x, tf.tensor2d([[1], [2], [3]]));
let weights: tf.Tensor2D = tf.zeros([3, 1]);

// Before: tfjs runs every kernel of a step separately.
//     const next = tf.tidy(() => step(weights, x, y));
// After: the step is traced once, for arguments like these, and then runs as a whole.
const fast = await compile(step, [weights, x, y]);
for (let i = 0; i < 100; i++) {
  const next = await fast(weights, x, y);
  tf.dispose([weights, next.loss]);
  weights = next.weights;
}
console.log(await weights.array()); // close to [[1], [2], [3]]
await fast.dispose();
