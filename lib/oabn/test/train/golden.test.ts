import { tf } from 'tfjs-native';
import { toStateDict, toVariables } from '../../src/model/index.js';
import { initialState, pretrainStep, type TrainState } from '../../src/train/index.js';
import { assertClose, goldenCases, goldenNetwork, goldenTensors } from '../golden/index.js';

describe('training against PyTorch', () => {
  for (const { file, key, title, arch } of goldenCases) {
    it(`follows PyTorch's losses and parameters over three steps (${title})`, async () => {
      const { stateDict } = await goldenNetwork(arch, file);
      const { params, buffers } = toVariables(stateDict);
      const input = {
        images: tf.tensor4d((await goldenTensors('x', file))['']!.data, [6, 8, 8, 3]),
        labels: tf.tensor1d([0, 4, 2, 3, 1, 2], 'int32'),
        learningRate: tf.scalar(0.05),
      };
      const step = pretrainStep(arch, { momentum: 0.9, weightDecay: 5e-3, labelSmoothing: 0.1 });
      let state: TrainState = initialState(params, buffers);
      const losses: number[] = [];
      for (let i = 0; i < 3; i++) {
        const result = tf.tidy(() => step(state, input) as never) as unknown as ReturnType<typeof step>;
        losses.push((await result.metrics.loss.data())[0]!);
        state = result.state;
      }
      assertClose(losses, (await goldenTensors(`${key}.losses`, file))['']!.data, 1e-5, 'losses');
      const trained = await toStateDict(state.params, state.buffers);
      for (const [name, { data }] of Object.entries(await goldenTensors(`${key}.trained.`, file))) {
        assertClose(trained[name]!.data, data, 2e-5, name);
      }
    });
  }
});
