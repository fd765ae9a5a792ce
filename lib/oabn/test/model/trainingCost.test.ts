import assert from 'node:assert/strict';
import { costOf, normalizeArchitecture, repvgg, trainingCostOf } from '../../src/model/index.js';

describe('model/trainingCost', () => {
  // Two blocks of 2 channels on 4×4 images, the second with an identity branch; small enough to count by
  // hand.
  const arch = normalizeArchitecture({ widths: [2, 2], depths: [1, 1], strides: [1, 1], classes: 3 });
  const qa = normalizeArchitecture({ ...arch, block: 'qarepvgg' });
  const values = 16 * 2;

  it('counts the step of a network of two blocks as one does by hand', () => {
    const cost = trainingCostOf(arch, 4, 5);
    // 10 taps: 3 → 2 channels without the gradient of the images, 2 → 2 with it, and the classifier.
    const convolutions = 2 * 2 * (10 * 3 * values) + 3 * 2 * (10 * 2 * values) + 3 * 2 * 6;
    assert.equal(cost.convolutionFlops, 5 * convolutions);
    // Two BNs in the first block, three in the second.
    assert.equal(cost.normalizationFlops, 5 * (5 * 14 * values) + 5 * 19 * 2);
    // Sums 1 + (2 + 2 backward), two ReLUs, pooling.
    assert.equal(cost.elementwiseFlops, 5 * (values * (1 + 2 + 2) + 2 * 2 * values + 2 * values));
    const matrices = 2 * 3 * 10 + 2 * 2 * 10 + 6;
    assert.equal(cost.params, matrices + 5 * 4 + 3);
    assert.equal(cost.optimizerFlops, 6 * cost.params + 2 * matrices);
    // The images, two outputs of convolutions; the features, two more; the last features and their mean.
    assert.equal(cost.activationBytes, 4 * 5 * (48 + 2 * values + values + 2 * values + values + 2));
  });

  it('finds OABN dearer than BN by four operations a channel with an identity branch, whatever the batch', () => {
    const limited = normalizeArchitecture({ ...arch, oabn: { threshold: 1 } });
    for (const batch of [1, 64]) {
      const [plain, oabn] = [trainingCostOf(arch, 4, batch), trainingCostOf(limited, 4, batch)];
      assert.equal(oabn.flops - plain.flops, 4 * 2);
      assert.equal(oabn.activationBytes, plain.activationBytes);
      assert.equal(oabn.params, plain.params);
    }
  });

  it('finds one BN less in a QARepVGG block with an identity branch, and as many elsewhere', () => {
    const [plain, other] = [trainingCostOf(arch, 4, 1), trainingCostOf(qa, 4, 1)];
    assert.equal(plain.normalizationFlops - other.normalizationFlops, 14 * values + 19 * 2);
    assert.equal(plain.params - other.params, 2 * 2);
    assert.equal(plain.activationBytes, other.activationBytes);
    assert.equal(costOf(qa, 4, 'training').params, other.params);
    assert.deepEqual(costOf(qa, 4, 'merged'), costOf(arch, 4, 'merged'));
  });

  it('grows with the batch but for what a step does once', () => {
    const a0 = repvgg('A0');
    const [one, two] = [trainingCostOf(a0, 32, 1), trainingCostOf(a0, 32, 2)];
    assert.equal(two.convolutionFlops, 2 * one.convolutionFlops);
    assert.equal(two.activationBytes, 2 * one.activationBytes);
    assert.equal(two.optimizerFlops, one.optimizerFlops);
    const { macs } = costOf(a0, 32, 'training');
    assert.ok(one.convolutionFlops < 6 * macs && one.convolutionFlops > 5.9 * macs);
  });
});
