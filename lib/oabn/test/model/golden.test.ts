import { tf } from 'tfjs-native';
import { forward, toVariables } from '../../src/model/index.js';
import { assertClose, goldenCases, goldenNetwork, goldenTensors } from '../golden/index.js';

describe('model against PyTorch', () => {
  for (const { file, key, title, arch } of goldenCases) {
    it(`gives PyTorch's logits in inference (${title})`, async () => {
      const { stateDict } = await goldenNetwork(arch, file);
      const x = (await goldenTensors('x', file))['']!;
      const { logits } = forward(arch, toVariables(stateDict), tf.tensor4d(x.data, [6, 8, 8, 3]), {
        training: false,
      });
      assertClose(
        await logits.data(),
        (await goldenTensors(`${key}.logits`, file))['']!.data,
        1e-4,
        'logits',
      );
    });
  }
});
