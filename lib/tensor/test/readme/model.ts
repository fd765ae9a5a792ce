import { compile, tf, useBackend } from 'tfjs-native';

await useBackend();
const model = tf.sequential({
  layers: [
    tf.layers.conv2d({ inputShape: [32, 32, 3], filters: 16, kernelSize: 3, activation: 'relu' }),
    tf.layers.globalAveragePooling2d({}),
    tf.layers.dense({ units: 10, activation: 'softmax' }),
  ],
});

// The weights of the model are constants of the compiled function: compile it again after they change.
const predict = await compile((x: tf.Tensor) => model.predict(x) as tf.Tensor, [tf.zeros([1, 32, 32, 3])]);
const probabilities = await predict(tf.randomUniform([1, 32, 32, 3]));
console.log(`${probabilities.shape[1]} classes, ${predict.stats.engine.kind}`);
