/**
 * Run as a process of its own by webgpu.test.ts, because a GPU driver may end it. Each case is computed by tfjs on the CPU
 * and by a step compiled for the GPU; a line of JSON says by how much they differ.
 */
import { compile, compileEngine, tf, useBackend } from 'tfjs-native';
import {
  agree,
  copied,
  difference,
  dispatchesOf,
  download,
  report,
} from '../../../tensor/test/compile/webgpu/agree.js';
import type { TrainState } from '../../src/train/index.js';
import { gpuCases, gpuSteps } from './gpuCases.js';
import { batch } from './stepCases.js';

tf.env().set('IS_TEST', true);
const { device } = await useBackend('webgpu');
const engine = await compileEngine();
console.log(JSON.stringify({ device, engine: engine.kind }));

for (const example of gpuCases) await report(example.name, () => agree(example));

/** Each step from the eager run's state. */
for (const { name, step, begin, steps } of gpuSteps) {
  await report(name, async () => {
    await tf.setBackend('cpu');
    const input = batch(8);
    let state = begin();
    // Tensors move to the backend that uses them: the compiled step gets its own.
    const example = [copied(state), copied(input)] as [TrainState, typeof input];
    await tf.setBackend('webgpu');
    const fast = await compile(step, example);
    const offs: number[] = [];
    for (let i = 0; i < steps; i++) {
      await tf.setBackend('cpu');
      const own = [copied(state), copied(input)] as [TrainState, typeof input];
      const expected = tf.tidy(() => step(state, input) as never) as unknown as ReturnType<typeof step>;
      const want = await download(expected);
      await tf.setBackend('webgpu');
      offs.push(difference(await download(await fast(...own)), want));
      await tf.setBackend('cpu');
      state = expected.state;
    }
    await tf.setBackend('webgpu');
    const dispatched = await dispatchesOf(fast, example);
    await fast.dispose();
    return { off: Math.max(...offs), ...dispatched };
  });
}
process.exit(0);
