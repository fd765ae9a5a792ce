import { tf } from '../../lib/src/backend/index.js';
import { forward, toVariables } from '../../lib/src/model/index.js';
import { assertClose, goldenArchitecture, goldenNetwork, goldenTensors } from '../golden/index.js';

describe('model against PyTorch', () => {
  for (const [key, threshold] of [
    ['bn', Infinity],
    ['oabn', 0.7],
  ] as const) {
    it(`gives PyTorch's logits in inference (${key})`, async () => {
      const arch = { ...goldenArchitecture, ...(threshold < Infinity && { oabn: { threshold } }) };
      const { stateDict } = await goldenNetwork(arch);
      const x = (await goldenTensors('x'))['']!;
      const { logits } = forward(arch, toVariables(stateDict), tf.tensor4d(x.data, [6, 8, 8, 3]), {
        training: false,
      });
      assertClose(await logits.data(), (await goldenTensors(`${key}.logits`))['']!.data, 1e-4, 'logits');
    });
  }
});
