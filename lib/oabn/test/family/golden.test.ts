import assert from 'node:assert/strict';
import { type HostTensor, readSafetensors } from 'oabn-base';
import {
  asRepVGG,
  type Convolution,
  describeRecognition,
  families,
  type Family,
  leftoversOf,
  mergedName,
  mergeFound,
  mergeRecognized,
  namePatterns,
  parseFamily,
  recognize,
  repVGGOf,
} from '../../src/family/index.js';
import { blocksOf, initialize, normalizeArchitecture, type StateDict } from '../../src/model/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { assertClose, goldenNetwork, goldenPath } from '../golden/index.js';
import { withTimmNames } from '../golden/timmNames.js';

/** Tensors whose names begin with `prefix`, without it. */
async function tensorsBelow(file: string, prefix: string): Promise<StateDict> {
  const { tensors } = await readSafetensors(goldenPath(file));
  const chosen = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(chosen.map(([name, tensor]) => [name.slice(prefix.length), tensor])) as StateDict;
}

/** y [out,H,W] = W ∗ x + b of one image x [in,H,W], tap by tap, padded with (k−1)/2 zeros. */
function convolve(
  { shape, kernel, bias }: Convolution,
  x: ArrayLike<number>,
  channels: number,
  height: number,
  width: number,
  stride = 1,
): Float64Array {
  const [out, inPerGroup, kh, kw] = shape;
  const outPerGroup = out / (channels / inPerGroup);
  const [rows, columns] = [height / stride, width / stride];
  const y = new Float64Array(out * rows * columns);
  for (let o = 0; o < out; o++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = bias[o]!;
        for (let i = 0; i < inPerGroup; i++) {
          const channel = Math.floor(o / outPerGroup) * inPerGroup + i;
          for (let ky = 0; ky < kh; ky++) {
            for (let kx = 0; kx < kw; kx++) {
              const [r, c] = [stride * row + ky - (kh - 1) / 2, stride * column + kx - (kw - 1) / 2];
              if (r < 0 || c < 0 || r >= height || c >= width) continue;
              sum +=
                kernel[((o * inPerGroup + i) * kh + ky) * kw + kx]! * x[(channel * height + r) * width + c]!;
            }
          }
        }
        y[(o * rows + row) * columns + column] = sum;
      }
    }
  }
  return y;
}

/** The golden blocks: those of each family, and other versions of some. */
const goldenFamilies = [...families.map(({ name }) => name), 'repvit-first'];
/** Its tensors are those of another one, so it must be named. */
const named = families.filter(({ name }) => name === 'yolov6-qarepvgg-v2');

describe('family against PyTorch', () => {
  for (const name of goldenFamilies) {
    it(`recognizes ${name} by its tensors and merges each block to what its modules compute, borders included`, async () => {
      const stateDict = await tensorsBelow('families.safetensors', `${name}/`);
      const expected = await tensorsBelow('families-expected.safetensors', `${name}/`);
      const found = recognize(
        stateDict,
        named.find((family) => family.name === name),
      );
      assert.ok(found);
      assert.equal(found.family.name, name.replace('-first', ''));
      assert.deepEqual(found.rest, []);
      assert.deepEqual(found.incomplete, {});
      const blocks = Object.keys(expected)
        .filter((key) => key.endsWith('/input'))
        .map((key) => key.slice(0, -'/input'.length));
      assert.deepEqual(new Set(found.blocks.map((block) => block.name)), new Set(blocks));
      for (const block of found.blocks) {
        const [input, output] = [expected[`${block.name}/input`]!, expected[`${block.name}/output`]!];
        const [, channels, height, width] = input.shape as [number, number, number, number];
        const y = convolve(mergeFound(block), input.data, channels, height, width);
        assertClose(y, output.data, 2e-6, `${name} ${block.name}`);
      }
      const merged = mergeRecognized(stateDict, found, { foldOrdinary: true });
      assert.deepEqual(
        new Set(Object.keys(merged)),
        new Set(
          found.blocks.flatMap((block) => [`${mergedName(block)}.weight`, `${mergedName(block)}.bias`]),
        ),
      );
    });
  }
});

describe('whole YOLOv6 detectors against PyTorch', () => {
  for (const size of ['n', 'm']) {
    it(`merges every block of backbone and neck of ${size}, keeps the rest, and has the merged detector’s names`, async () => {
      const stateDict = await tensorsBelow('yolov6.safetensors', `${size}/`);
      const expected = await tensorsBelow('yolov6-expected.safetensors', `${size}/`);
      const found = recognize(stateDict)!;
      assert.equal(found.family.name, 'yolov6');
      assert.deepEqual(found.incomplete, {});
      const blocks = found.blocks.filter(({ table }) => !table.ordinary);
      assert.equal(blocks.length, Object.keys(expected).length / 2);
      assert.ok(blocks.some(({ name }) => name.startsWith('neck.')));
      for (const block of blocks) {
        const [input, output] = [expected[`${block.name}/input`]!, expected[`${block.name}/output`]!];
        const [, channels, height, width] = input.shape as [number, number, number, number];
        const y = convolve(mergeFound(block), input.data, channels, height, width, height / output.shape[2]!);
        assertClose(y, output.data, 2e-6, block.name);
      }
      const merged = mergeRecognized(stateDict, found);
      const { metadata } = await readSafetensors(goldenPath('yolov6-expected.safetensors'));
      assert.deepEqual(Object.keys(merged).sort(), JSON.parse(metadata[size]!));
    });
  }

  it('are described by what each part of the rest is', async () => {
    const stateDict = await tensorsBelow('yolov6.safetensors', 'm/');
    const { leftovers, assumptions, notComputed } = describeRecognition(stateDict, recognize(stateDict)!);
    const counted = leftovers.map(({ kind, modules }) => [kind, modules.length]);
    assert.deepEqual(counted, [
      ['transposed convolution', 2],
      ['convolution without branches or BN', 13],
      ['scale', 16],
      ['other', 1],
    ]);
    assert.deepEqual(leftovers.at(-1)!.modules, ['detect.proj']);
    assert.deepEqual(assumptions, ['ε = 0.001 in every BN, as yolov6 has it']);
    assert.match(notComputed!, /the detector’s neck and head/);
  });

  it('with QARepVGG blocks say which version was taken for granted, and how the other one is named', async () => {
    const stateDict = await tensorsBelow('families.safetensors', 'yolov6-qarepvgg-v2/');
    const { assumptions } = describeRecognition(stateDict, recognize(stateDict)!);
    assert.match(assumptions.join('\n'), /first version.*--family yolov6-qarepvgg-v2/);
    const second = describeRecognition(stateDict, recognize(stateDict, named[0])!);
    assert.match(second.assumptions.join('\n'), /an average over 3×3 pixels, which has no tensors/);
  });
});

describe('family/leftover', () => {
  const of = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });

  it('tells attention, squeeze-and-excitation, linear layers, norms and scales apart', () => {
    const stateDict: StateDict = {
      'stages.3.blocks.0.token_mixer.qkv.weight': of(6, 2),
      'stages.3.blocks.0.token_mixer.proj.weight': of(2, 2),
      'stages.3.blocks.0.norm.weight': of(2),
      'stages.3.blocks.0.norm.running_var': of(2),
      'stages.3.blocks.10.ls.gamma': of(2, 1, 1),
      'layers.0.attn.q_proj.weight': of(2, 2),
      'layers.0.attn.out.bias': of(2),
      'final.se.fc1.weight': of(2, 2, 1, 1),
      'up.upsample_transpose.weight': of(2, 2, 2, 2),
      'mlp.fc1.weight': of(2, 2, 1, 1),
      'ln.weight': of(2),
      'head.fc.weight': of(3, 2),
      'head.fc.bias': of(3),
      anchors: of(2),
    };
    const found = leftoversOf(stateDict, Object.keys(stateDict));
    assert.deepEqual(
      found.map(({ kind, modules, tensors }) => [kind, modules.join(' '), tensors]),
      [
        ['self-attention', 'layers.0.attn stages.3.blocks.0.token_mixer', 4],
        ['squeeze-and-excitation', 'final.se', 1],
        ['transposed convolution', 'up.upsample_transpose', 1],
        ['convolution without branches or BN', 'mlp.fc1', 1],
        ['batch normalization alone', 'stages.3.blocks.0.norm', 2],
        ['linear layer', 'head.fc', 2],
        ['normalization without running statistics', 'ln', 1],
        ['scale', 'stages.3.blocks.10.ls.gamma', 1],
        ['other', 'anchors', 1],
      ],
    );
  });

  it('counts names that differ in their numbers alone as one', () => {
    const names = ['stem', 'stages.0.blocks.0.fc', 'stages.0.blocks.1.fc', 'stages.1.blocks.10.fc'];
    assert.deepEqual(namePatterns(names), ['stem', 'stages.*.blocks.*.fc (3)']);
    assert.deepEqual(namePatterns(['head.0.fc']), ['head.0.fc']);
  });

  it('is the reason why a network with attention is not computed', async () => {
    const stateDict = {
      ...(await tensorsBelow('families.safetensors', 'fastvit-timm/')),
      'stages.3.blocks.0.token_mixer.qkv.weight': of(6, 2),
    };
    const { notComputed } = describeRecognition(stateDict, recognize(stateDict)!);
    assert.equal(notComputed, 'stages.3.blocks.0.token_mixer is self-attention');
  });
});

describe('family/asRepVGG', () => {
  it('reads shapes and the strides that identity branches tell off a network of other names', async () => {
    const { arch, stateDict } = await goldenNetwork();
    const foreign = withTimmNames(stateDict);
    const found = asRepVGG(foreign, recognize(foreign)!, arch.strides);
    assert.ok('arch' in found);
    assert.deepEqual(found.arch, arch);
    assert.deepEqual(found.stateDict, stateDict);
    assert.deepEqual(found.assumptions, []);
    const guessed = asRepVGG(foreign, recognize(foreign)!);
    assert.ok('arch' in guessed);
    assert.deepEqual(guessed.arch.strides, [1, 1, 2, 2, 2]);
    assert.match(guessed.assumptions.join(), /^strides 1, 1, 2, 2, 2: a checkpoint does not say them/);
  });

  it('takes the merged form too, and says why another network is none', async () => {
    const { arch, stateDict } = await goldenNetwork();
    const merged = mergeNetwork(arch, stateDict);
    const foreign = withTimmNames(merged);
    const found = asRepVGG(foreign, recognize(foreign)!, arch.strides);
    assert.ok('arch' in found);
    assert.deepEqual(found.stateDict, merged);
    const other = {
      ...withTimmNames(stateDict),
      'head.norm.weight': { shape: [12], data: new Float32Array(12) },
    };
    assert.deepEqual(asRepVGG(other, recognize(other)!), {
      reason: 'head.norm.weight has no place in RepVGG',
    });
  });

  /** What a file computes, both as RepVGG and merged by its family's table, block for block. */
  function assertSameMerge(foreign: StateDict, family?: Family): void {
    const recognition = recognize(foreign, family)!;
    const found = asRepVGG(foreign, recognition);
    assert.ok('arch' in found, 'reason' in found ? found.reason : '');
    const ours = mergeNetwork(found.arch, found.stateDict);
    const merged = mergeRecognized(foreign, recognition);
    // timm's stem comes after its stages in the order of the names.
    const isStem = ({ name }: { readonly name: string }): boolean =>
      !/stages?[.\d]/.test(name) || name === 'stage0';
    const inOrder = [...recognition.blocks].sort((a, b) => Number(isStem(b)) - Number(isStem(a)));
    inOrder.forEach((block, i) => {
      const { name } = blocksOf(found.arch)[i]!;
      for (const last of ['weight', 'bias'])
        assertClose(
          ours[`${name}.rbr_reparam.${last}`]!.data,
          [...merged[`${mergedName(block)}.${last}`]!.data],
          2e-6,
        );
    });
  }

  it('keeps a bias before a BN, under official names too, and takes a BN without γ and β', async () => {
    const { stateDict } = await goldenNetwork();
    for (const own of [stateDict, withTimmNames(stateDict)]) {
      const biased: Record<string, HostTensor<Float32Array>> = { ...own };
      for (const [name, { shape }] of Object.entries(own))
        if (shape.length === 4)
          biased[name.replace(/weight$/, 'bias')] = {
            shape: [shape[0]!],
            data: Float32Array.from({ length: shape[0]! }, (_, i) => i - 1),
          };
      assertSameMerge(biased);
      const isAffine = (name: string): boolean =>
        name.replace(/(weight|bias)$/, 'running_var') in own && /(weight|bias)$/.test(name);
      assertSameMerge(Object.fromEntries(Object.entries(own).filter(([name]) => !isAffine(name))));
    }
  });

  it('reads a described block with its own ε, says what it assumes, and refuses what RepVGG has not', async () => {
    const { arch, stateDict } = await goldenNetwork();
    const described = (more: object, term: object = {}): Family =>
      parseFamily(
        JSON.stringify({
          name: 'mine',
          blocks: [
            {
              keys: ['rbr_dense.conv.weight'],
              terms: [
                { conv: 'rbr_dense.conv', bn: 'rbr_dense.bn', ...term },
                { conv: 'rbr_1x1.conv', bn: 'rbr_1x1.bn' },
                { identity: 'named', bn: 'rbr_identity' },
              ],
              merged: 'rbr_reparam',
              ...more,
            },
          ],
          epsilon: 0.5,
        }),
        'mine.json',
      );
    const family = described({});
    assertSameMerge(stateDict, family);
    const found = asRepVGG(stateDict, recognize(stateDict, family)!, arch.strides);
    assert.match(
      ('arch' in found && found.assumptions.join()) || '',
      /^RepVGG’s ReLU after each block: a "layout"/,
    );
    const reasonOf = (other: Family): string => {
      const network = asRepVGG(stateDict, recognize(stateDict, other)!, arch.strides);
      return 'reason' in network ? network.reason : '';
    };
    assert.match(reasonOf(described({}, { subtract: true })), /^stage0 subtracts a branch, or adds/);
    assert.match(reasonOf(described({}, { bn: undefined })), /has no BN after its 3×3 branch/);
  });
});

describe('family', () => {
  const dense = { shape: [2, 2, 3, 3], data: new Float32Array(36).fill(0.5) };
  const one = { shape: [2], data: Float32Array.of(1, 1) };
  const bn = (name: string): StateDict => ({
    [`${name}.weight`]: one,
    [`${name}.bias`]: one,
    [`${name}.running_mean`]: one,
    [`${name}.running_var`]: one,
  });

  it('takes no family of which a large network has a name or two by chance', async () => {
    const block = await tensorsBelow('families.safetensors', 'mobileone/');
    const tensor = { shape: [1], data: Float32Array.of(0) };
    const among = (others: number): StateDict => ({
      ...block,
      ...Object.fromEntries(Array.from({ length: others }, (_, i) => [`other.${i}`, tensor])),
    });
    const own = Object.keys(block).length;
    assert.equal(recognize(among(5 * own))?.family.name, 'mobileone');
    assert.equal(recognize(among(40 * own)), undefined);
    const [family] = families.filter(({ name }) => name === 'mobileone');
    assert.ok(recognize(among(40 * own), family), 'named, it is taken at one’s word');
  });

  it('merges what a description says of a network that it has not heard of', () => {
    const mine = parseFamily(
      JSON.stringify({
        name: 'mine',
        blocks: [
          {
            keys: ['dense.weight'],
            merged: 'whole',
            terms: [{ conv: 'dense' }, { identity: 'named', bn: 'skip' }, { averagePool: 3 }],
          },
        ],
      }),
      'mine.json',
    );
    const stateDict = { 'a.dense.weight': dense, ...bn('a.skip'), 'head.weight': one };
    const found = recognize(stateDict, mine)!;
    const merged = mergeRecognized(stateDict, found);
    assert.deepEqual(Object.keys(merged).sort(), ['a.whole.bias', 'a.whole.weight', 'head.weight']);
    const ninth = Math.fround(0.5 + 1 / 9);
    const skip = 1 / Math.sqrt(1 + 1e-5);
    assertClose(
      merged['a.whole.weight']!.data.slice(0, 18),
      [
        ninth,
        ninth,
        ninth,
        ninth,
        0.5 + 1 / 9 + skip,
        ninth,
        ninth,
        ninth,
        ninth,
        ...new Array<number>(9).fill(0.5),
      ],
      1e-6,
    );
  });

  it('knows the identity of QARepVGG blocks in groups by the block before them', () => {
    const ones = (...shape: number[]): HostTensor<Float32Array> => ({
      shape,
      data: new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(1),
    });
    const block = (name: string, out: number, inPerGroup: number): StateDict => ({
      [`${name}.rbr_dense.conv.weight`]: ones(out, inPerGroup, 3, 3),
      [`${name}.rbr_1x1.weight`]: ones(out, inPerGroup, 1, 1),
      ...Object.fromEntries(
        ['rbr_dense.bn', 'bn'].flatMap((module) =>
          ['weight', 'bias', 'running_mean', 'running_var'].map((last) => [
            `${name}.${module}.${last}`,
            ones(out),
          ]),
        ),
      ),
    });
    // Two groups of four channels; from four to eight channels; again in two groups.
    const stateDict = {
      ...block('stage1.0', 4, 4),
      ...block('stage1.1', 4, 2),
      ...block('stage2.0', 8, 4),
      ...block('stage2.1', 8, 4),
    };
    const labels = recognize(stateDict)!.blocks.map(({ name, branches }) => [
      name,
      branches.some(({ label }) => label === 'identity'),
    ]);
    assert.deepEqual(labels, [
      ['stage1.0', true],
      ['stage1.1', true],
      ['stage2.0', false],
      ['stage2.1', true],
    ]);
    const { 'stage1.1.rbr_reparam.weight': merged } = mergeRecognized(stateDict, recognize(stateDict)!);
    const r = 1 / Math.sqrt(1 + 1e-5);
    // Output 3 is the second of the second group, and its identity is there.
    assertClose(
      [merged!.data[(3 * 2 + 1) * 9 + 4]!, merged!.data[3 * 2 * 9 + 4]!],
      [r * (r + 2), r * (r + 1)],
      1e-6,
    );
  });

  it('folds the classifier’s BN with the ε of the family', () => {
    const mine = (epsilon: number): Family =>
      parseFamily(
        JSON.stringify({
          ...{ name: 'mine', epsilon },
          blocks: [{ keys: ['c.weight'], merged: 'm', terms: [{ conv: 'c', bn: 'n' }] }],
          layout: { classifier: [[{ linear: 'head', bn: 'norm' }], 'head'], steps: [{ conv: '' }] },
        }),
        'mine.json',
      );
    const { 'norm.weight': _, 'norm.bias': __, ...notAffine } = bn('norm');
    const stateDict = {
      'c.weight': dense,
      ...bn('n'),
      ...notAffine,
      'head.weight': { ...one, shape: [1, 2] },
    };
    for (const epsilon of [1e-5, 3]) {
      const family = mine(epsilon);
      const { 'head.weight': weight, 'head.bias': bias } = mergeRecognized(
        stateDict,
        recognize(stateDict, family)!,
      );
      const r = 1 / Math.sqrt(1 + epsilon);
      assertClose(weight!.data, [r, r], 1e-6);
      assertClose(bias!.data, [-2 * r], 1e-6);
    }
  });

  it('limits the identity by OABN’s s', () => {
    const stateDict = { 'a.rbr_dense.conv.weight': dense, ...bn('a.rbr_dense.bn'), ...bn('a.rbr_identity') };
    const found = recognize(stateDict)!;
    const centre = (threshold?: number): number =>
      mergeFound(found.blocks[0]!, threshold === undefined ? {} : { threshold }).kernel[4]!;
    assert.ok(Math.abs(centre() - centre(0.25) - (1 / Math.sqrt(1 + 1e-5) - 0.25)) < 1e-9);
  });

  it('says what is missing of a block, and merges nothing then', () => {
    const stateDict = {
      'stage0.rbr_dense.conv.weight': dense,
      ...bn('stage0.rbr_dense.bn'),
      'stage1.rbr_dense.conv.weight': dense,
    };
    const found = recognize(stateDict)!;
    assert.deepEqual(Object.keys(found.incomplete), ['stage1']);
    assert.deepEqual(found.rest, ['stage1.rbr_dense.conv.weight']);
    assert.throws(
      () => mergeRecognized(stateDict, found),
      /block stage1 is incomplete: .*stage1\.rbr_dense\.bn\.running_mean/,
    );
    assert.equal(recognize({ 'transformer.weight': one }), undefined);
  });

  it('misses a block of which only branches are left', async () => {
    for (const [name, key] of [
      ['repvgg', 'stage1.0.rbr_dense.conv.weight'],
      ['repvgg-timm', 'stages.0.0.conv_kxk.conv.weight'],
      ['repvgg-mmpretrain', 'backbone.stage_1.0.branch_3x3.conv.weight'],
      ['fastvit', 'network.1.proj.0.lkb_origin.conv.weight'],
      ['acnet', 'layer1.square_conv.weight'],
      ['dbb', 'layer2.dbb_origin.conv.weight'],
    ] as const) {
      const { [key]: gone, ...left } = await tensorsBelow('families.safetensors', `${name}/`);
      assert.ok(gone, key);
      const found = recognize(
        left,
        families.find((family) => family.name === name),
      )!;
      assert.match(Object.values(found.incomplete).join(), new RegExp(`it has .*, but no ${key}`));
      assert.throws(() => mergeRecognized(left, found), / is incomplete: /);
    }
  });

  it('merges and computes nothing where the numbers show that a module is missing', async () => {
    const arch = normalizeArchitecture({
      widths: [4, 4, 4],
      depths: [1, 2, 3],
      strides: [1, 1, 1],
      classes: 5,
    });
    const whole = initialize(arch, 1);
    for (const [gone, message] of [
      ['stage2.1', /stage2\.1 is missing between .*stage2\.0 and .*stage2\.2/],
      ['stage2.0', /stage2\.0 is missing before .*stage2\.1/],
      ['stage1', /stage1 is missing between .*stage0 and .*stage2/],
    ] as const) {
      const kept = Object.entries(whole).filter(([name]) => !name.startsWith(`${gone}.`));
      for (const below of ['', 'model.']) {
        const file = Object.fromEntries(kept.map(([name, tensor]) => [below + name, tensor]));
        const found = recognize(file)!;
        assert.deepEqual(Object.keys(found.incomplete), [below + gone]);
        assert.throws(() => mergeRecognized(file, found), message);
        const open = (): unknown => repVGGOf('net', { stateDict: file, integers: {}, metadata: {} });
        assert.throws(open, message);
      }
    }
  });

  it('refuses descriptions that say nothing or too much, naming the member', () => {
    const refuse = (value: unknown, message: RegExp): void => {
      assert.throws(() => parseFamily(JSON.stringify(value), 'x.json'), message);
    };
    refuse([], /x\.json must be an object/);
    refuse({ name: 'x', blocks: [] }, /x\.json: "blocks" must be a list/);
    refuse({ name: 'x', blok: [] }, /unknown member "blok"; expected one of name/);
    const block = { keys: ['a.weight'], merged: 'm' };
    refuse(
      { name: 'x', blocks: [{ ...block, terms: [{}] }] },
      /blocks\[0\]\.terms\[0\] must have one of conv, .* got none/,
    );
    refuse({ name: 'x', blocks: [{ ...block, terms: [{ conv: 'a', sum: [] }] }] }, /got conv and sum/);
    refuse(
      { name: 'x', blocks: [{ ...block, terms: [{ identity: 'perhaps' }] }] },
      /identity must be named, always/,
    );
    assert.throws(() => parseFamily('{', 'x.json'), /x\.json is not JSON/);
  });
});
