/**
 * Run as a process of its own by tensorflow.test.ts, because loading libtensorflow changes tfjs for all that follows:
 * computes every case on tfjs's CPU backend and on libtensorflow, and prints one line of JSON for each.
 */
import { tf, useBackend } from '../../../src/engines/index.js';
import { cases, difference, resultsOf } from '../cases.js';

tf.env().set('IS_TEST', true);
const { device } = await useBackend('tensorflow');
console.log(JSON.stringify({ device }));
for (const example of cases) {
  await tf.setBackend('cpu');
  const expected = await resultsOf(example);
  await tf.setBackend('tensorflow');
  const before = tf.memory().numTensors;
  try {
    const off = difference(await resultsOf(example), expected);
    console.log(JSON.stringify({ name: example.name, off, left: tf.memory().numTensors - before }));
  } catch (error) {
    console.log(JSON.stringify({ name: example.name, error: String(error) }));
  }
}
