import { compile, tf, useBackend } from 'tfjs-native';
import { toVariables } from '../../src/model/index.js';
import { eagerly, initialState, pretrainStep, type RunStep, type TrainState } from '../../src/train/index.js';
import { assertClose, goldenArchitecture, goldenNetwork, goldenTensors } from '../golden/index.js';

/** PyTorch's losses over three steps, from each engine that every machine has. */
describe('training against PyTorch, engine by engine', () => {
  after(async () => void (await tf.setBackend('cpu')));

  for (const engine of ['wasm, eager', 'wasm, compiled'] as const) {
    it(engine, async () => {
      await useBackend('wasm');
      const { stateDict } = await goldenNetwork();
      const input = {
        images: tf.tensor4d((await goldenTensors('x'))['']!.data, [6, 8, 8, 3]),
        labels: tf.tensor1d([0, 4, 2, 3, 1, 2], 'int32'),
        learningRate: tf.scalar(0.05),
      };
      const step = pretrainStep(goldenArchitecture, {
        momentum: 0.9,
        weightDecay: 5e-3,
        labelSmoothing: 0.1,
      });
      const { params, buffers } = toVariables(stateDict);
      let state: TrainState = initialState(params, buffers);
      const run: RunStep = engine === 'wasm, eager' ? eagerly(step) : await compile(step, [state, input]);
      const losses: number[] = [];
      for (let i = 0; i < 3; i++) {
        const result = await run(state, input);
        losses.push((await result.metrics.loss.data())[0]!);
        state = result.state;
      }
      assertClose(losses, (await goldenTensors('bn.losses'))['']!.data, 2e-5, 'losses');
    });
  }
});
