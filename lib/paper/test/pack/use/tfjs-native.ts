/**
 * A pure tfjs function, compiled and run natively. It fails where the engine for the CPU was not installed.
 */
import { compile, tf, useBackend } from 'tfjs-native';

await useBackend('wasm');
const step = (x: tf.Tensor2D, w: tf.Tensor2D): tf.Scalar => tf.sum(tf.relu(tf.matMul(x, w)));
const x = tf.tensor2d([1, -2, 3, 4], [2, 2]);
const fast = await compile(step, [x, x]);
if (fast.stats.engine.kind !== 'onnxruntime') throw new Error(JSON.stringify(fast.stats.engine));
const [native, eager] = await Promise.all([(await fast(x, x)).data(), step(x, x).data()]);
if (native[0] !== eager[0]) throw new Error(`native ${native[0]}, eager ${eager[0]}`);
await fast.dispose();
