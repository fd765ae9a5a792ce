/**
 * Run as a process of its own by webgpu.test.ts, because a GPU driver may end it: computes every case on tfjs's CPU
 * backend and on WebGPU, then takes the device away, and prints one line of JSON for each.
 */
import { tf, useBackend, webgpuDevice } from '../../../src/engines/index.js';
import { cases, difference, resultsOf } from '../cases.js';

tf.env().set('IS_TEST', true);
const engine = tf.engine();
engine.registerBackend = () => {
  throw new Error('cannot be registered');
};
const first = await useBackend('webgpu').then(() => '', String);
Reflect.deleteProperty(engine, 'registerBackend');
const { device } = await useBackend('webgpu');
console.log(JSON.stringify({ device, first }));

async function report(name: string, work: () => Promise<number>): Promise<void> {
  let result: { off: number } | { error: string };
  try {
    result = { off: await work() };
  } catch (error) {
    result = { error: String(error) };
  }
  console.log(JSON.stringify({ name, ...result }));
}

for (const example of cases) {
  await tf.setBackend('cpu');
  const expected = await resultsOf(example);
  await tf.setBackend('webgpu');
  await report(example.name, async () => difference(await resultsOf(example), expected));
}

const one = tf.fill([4], 1);
webgpuDevice()?.destroy();
await report('lost device', async () => (await tf.add(one, 1).data()).length);
process.exit(0);
