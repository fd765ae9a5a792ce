import assert from 'node:assert/strict';
import {
  blocksOf,
  costOf,
  imagenetStrides,
  normalizeArchitecture,
  parameterShapes,
  parseArchitecture,
  quantizedBlocks,
  repvgg,
} from '../../src/model/index.js';

describe('model/architecture', () => {
  it('knows the published networks: widths, blocks and, at 224×224, their parameters and multiply–accumulates', () => {
    const a0 = repvgg('RepVGG-A0', { classes: 1000, strides: imagenetStrides });
    assert.deepEqual(a0.widths, [48, 48, 96, 192, 1280]);
    assert.equal(blocksOf(a0).length, 22);
    // arXiv 2101.03697, table 4: A0 has 8.30 M parameters and 1.4 G multiply–accumulates (merged), B0 14.33 M
    // and 3.1 G.
    assert.equal((costOf(a0, 224, 'merged').params / 1e6).toFixed(2), '8.31');
    assert.equal((costOf(a0, 224, 'merged').macs / 1e9).toFixed(1), '1.4');
    const outputs = 48 * 112 ** 2 + 2 * 48 * 56 ** 2 + 4 * 96 * 28 ** 2 + 14 * 192 * 14 ** 2 + 1280 * 7 ** 2;
    assert.equal(costOf(a0, 224, 'training').activations, outputs);
    const b0 = repvgg('B0', { classes: 1000, strides: imagenetStrides });
    assert.equal((costOf(b0, 224, 'merged').params / 1e6).toFixed(2), '14.34');
    assert.equal((costOf(b0, 224, 'merged').macs / 1e9).toFixed(1), '3.1');
  });

  it('scales widths to multiples of 8', () => {
    assert.deepEqual(repvgg('A0', { width: 0.25 }).widths, [16, 16, 24, 48, 320]);
    assert.deepEqual(parseArchitecture('A0@0.25'), repvgg('A0', { width: 0.25 }));
  });

  it('gives the identity branch where the stride is 1 and the channels stay', () => {
    const blocks = blocksOf(
      normalizeArchitecture({ widths: [8, 8, 16], depths: [1, 2, 2], strides: [1, 1, 2], classes: 4 }),
    );
    assert.deepEqual(
      blocks.map(({ name, stride, branches }) => [name, stride, branches.includes('identity')]),
      [
        ['stage0', 1, false],
        ['stage1.0', 1, true],
        ['stage1.1', 1, true],
        ['stage2.0', 2, false],
        ['stage2.1', 1, true],
      ],
    );
    assert.deepEqual(quantizedBlocks(repvgg('A0'))[0]!.name, 'stage1.0');
  });

  it('writes equal networks equally: s = ∞ is plain BN, defaults are left out', () => {
    const plain = repvgg('A0');
    assert.deepEqual(repvgg('A0', { oabn: { threshold: Infinity } }), plain);
    assert.deepEqual(repvgg('A0', { oabn: { threshold: 1, gradient: 'clip', branches: ['identity'] } }), {
      ...plain,
      oabn: { threshold: 1 },
    });
    assert.deepEqual(repvgg('A0', { branches: ['identity', '3x3', '1x1'] }), plain);
  });

  it('names QARepVGG’s networks and tensors, and leaves RepVGG’s descriptions as they were', () => {
    const qa = repvgg('QARepVGG-A0');
    assert.deepEqual(qa, { ...repvgg('A0'), block: 'qarepvgg' });
    assert.deepEqual(parseArchitecture('QA-A0@0.25'), {
      ...repvgg('A0', { width: 0.25 }),
      block: 'qarepvgg',
    });
    assert.deepEqual(repvgg('A0', { block: 'repvgg' }), repvgg('A0'));
    const text = '{"widths":[8,8],"depths":[1,1],"strides":[1,1],"block":"qarepvgg"}';
    const arch = parseArchitecture(text, 2);
    // The names that YOLOv6's QARepVGGBlock gives its members.
    assert.deepEqual(
      Object.keys(parameterShapes(arch, 'training')).filter((name) => name.startsWith('stage1')),
      [
        'stage1.0.rbr_dense.conv.weight',
        ...['weight', 'bias', 'running_mean', 'running_var'].map(
          (member) => `stage1.0.rbr_dense.bn.${member}`,
        ),
        'stage1.0.rbr_1x1.weight',
        ...['weight', 'bias', 'running_mean', 'running_var'].map((member) => `stage1.0.bn.${member}`),
      ],
    );
    assert.deepEqual(
      parameterShapes(arch, 'merged'),
      parameterShapes({ ...arch, block: 'repvgg' }, 'merged'),
    );
    assert.throws(() => repvgg('QA-A0', { oabn: { threshold: 0.5 } }), /leave out s = 0\.5/);
    assert.deepEqual(repvgg('QA-A0', { oabn: { threshold: Infinity } }), qa);
    assert.throws(
      () => parseArchitecture(text.replace('qarepvgg', 'vgg')),
      /block must be one of .* got "vgg"/,
    );
  });

  it('says what is wrong, with the value', () => {
    assert.throws(() => repvgg('A9'), /Unknown network «A9»; expected one of A0/);
    assert.throws(() => repvgg('A0', { oabn: { threshold: -0.5 } }), /must be > 0 or Infinity, got -0\.5/);
    assert.throws(() => parseArchitecture('{"widths":[8]'), /not JSON/);
    assert.throws(() => parseArchitecture('{"widths":[8]}'), /needs "widths" and "depths"/);
    assert.throws(
      () => parseArchitecture('{"widths":[8,8],"depths":[1],"strides":[1,1]}'),
      /depths must have 2 stages/,
    );
    assert.throws(() => repvgg('A0', { branches: ['1x1'] }), /must include "3x3"/);
  });
});
