import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tf, useBackend } from 'tfjs-native';
import { openOnnxModel } from 'tfjs-native/onnx';
import {
  families,
  type Family,
  loadRepVGG,
  mergeRecognized,
  parseFamily,
  recognize,
  repVGGOf,
  withoutDead,
} from '../../src/family/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import {
  initialize,
  normalizeArchitecture,
  type Architecture,
  blocksOf,
  forwardMerged,
  type Network,
  repvgg,
  saveNetwork,
  type StateDict,
  toVariables,
} from '../../src/model/index.js';
import { type ExportedNetwork, forwardQuantized, ptqMethods, saveOnnx } from '../../src/quantize/index.js';
import { inFolder } from '../data/helpers.js';
import { assertClose, goldenPath } from '../golden/index.js';
import { goldenImages, numbersOf } from '../golden/numbers.js';

interface Golden {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly logits: readonly number[];
}

/** Families whose blocks say nothing of the network around them: described here, as a user would. */
const described: Readonly<Record<string, Partial<Family>>> = Object.fromEntries(
  ['dbb', 'acnet'].map((name) => [
    name,
    {
      ...families.find((family) => family.name === name)!,
      layout: {
        strides: [1],
        classifier: ['fc'],
        steps: [
          { conv: 'layer1', activation: 'relu' },
          { conv: 'layer2', activation: 'relu' },
        ],
      },
    },
  ]),
);

describe('networks of other families against PyTorch', () => {
  let golden: Readonly<Record<string, Golden>>;
  before(async () => {
    golden = JSON.parse(await readFile(goldenPath('networks.json'), 'utf8'));
    await useBackend('wasm');
  });

  const stateDictOf = ({ shapes }: Golden): StateDict =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, { shape, data: numbersOf(name, shape) }]),
    );
  const familyOf = (name: string): Family | undefined =>
    described[name] && parseFamily(JSON.stringify(described[name]), 'mine.json');
  const load = (name: string, stateDict: StateDict, metadata: Record<string, string> = {}): Network => {
    // Merged, RepOptimizer's network is a RepVGG, of which other strides are usual at ten classes.
    const strides = name === 'repoptimizer' ? [2, 2] : undefined;
    return repVGGOf(name, { stateDict, integers: {}, metadata }, { family: familyOf(name), strides });
  };

  function logitsOf({ arch, form, stateDict }: Network): Float32Array {
    const merged = form === 'merged' ? stateDict : mergeNetwork(arch, stateDict);
    return tf.tidy(() => {
      const { params } = toVariables(merged);
      return forwardMerged(arch, params, goldenImages()).dataSync() as Float32Array;
    });
  }

  for (const name of [
    ...['repvgg', 'repoptimizer', 'mobileone', 'mobileone-mmpretrain', 'fastvit', 'dbb', 'acnet'],
    ...['repvgg-timm', 'mobileone-timm', 'fastvit-timm', 'repvit', 'repvit-first', 'pplcnet-timm'],
  ]) {
    const family = name.replace('-first', '');
    it(`gives the logits of ${name}, and the same from the file that it was merged to`, () => {
      const stateDict = stateDictOf(golden[name]!);
      const recognition = recognize(stateDict, familyOf(name))!;
      assert.equal(recognition.family.name, family);
      const { logits } = golden[name]!;
      assertClose(logitsOf(load(name, stateDict)), logits, 2e-5, name);
      const merged = mergeRecognized(stateDict, recognition);
      // RepViT's merged names are those of any convolutions, so `oabn merge` writes the family down.
      const metadata: Record<string, string> = family === 'repvit' ? { family } : {};
      assertClose(logitsOf(load(name, merged, metadata)), logits, 2e-5, `${name}, merged`);
    });
  }

  it("merges RepViT's two classifiers with their BNs into one matrix, as its own code does", () => {
    const stateDict = stateDictOf(golden['repvit']!);
    const merged = mergeRecognized(stateDict, recognize(stateDict)!);
    const names = Object.keys(merged).filter((name) => name.startsWith('head'));
    assert.deepEqual(names.sort(), ['head.bias', 'head.weight']);
    assert.deepEqual([merged['head.weight']!.shape, merged['head.bias']!.shape], [[10, 32], [10]]);
  });

  it('computes a network that is all of a module, as training code saves it', () => {
    for (const name of ['repvgg', 'mobileone-timm', 'fastvit-timm', 'pplcnet-timm']) {
      const below = Object.entries(stateDictOf(golden[name]!)).map(([key, tensor]) => [
        `model.net.${key}`,
        tensor,
      ]);
      assertClose(logitsOf(load(name, Object.fromEntries(below))), golden[name]!.logits, 2e-5, name);
    }
  });

  it('computes no network for grey images, even where RGB would fit in three groups', () => {
    const bn = (name: string): [string, number[]][] =>
      ['weight', 'bias', 'running_mean', 'running_var'].map((last) => [`${name}.${last}`, [6]]);
    const ofSix = (conv: string, last: string, side: number, channels: number): Golden['shapes'] =>
      Object.fromEntries([
        [`${conv}.weight`, [6, channels, side, side]],
        ...bn(last),
        ['linear.weight', [10, 6]],
        ['linear.bias', [10]],
      ]);
    const nets: Record<string, (channels: number) => Golden['shapes']> = {
      repvgg: (n) => ({
        ...ofSix('stage0.rbr_dense.conv', 'stage0.rbr_dense.bn', 3, n),
        ...ofSix('stage0.rbr_1x1.conv', 'stage0.rbr_1x1.bn', 1, n),
      }),
      mobileone: (n) => ({
        ...ofSix('stage0.rbr_conv.0.conv', 'stage0.rbr_conv.0.bn', 3, n),
        ...ofSix('stage0.rbr_conv.1.conv', 'stage0.rbr_conv.1.bn', 3, n),
      }),
    };
    for (const [name, shapes] of Object.entries(nets)) {
      const file = (channels: number): StateDict => stateDictOf({ shapes: shapes(channels), logits: [] });
      assert.equal(load(name, file(3)).arch.classes, 10);
      for (const [channels, text] of [
        [1, '1 channel'],
        [4, '4 channels'],
      ] as const)
        assert.throws(() => load(name, file(channels)), {
          name: 'UserError',
          message: new RegExp(`stage0 takes images of ${text}, and those read here have 3: its blocks`),
        });
    }
  });

  it('computes a RepVGG whose blocks have no identity, or 3×3 convolutions alone, as such', () => {
    for (const branches of [['3x3', '1x1'], ['3x3']] as const) {
      const arch = normalizeArchitecture({
        ...{ widths: [8, 8, 16], depths: [1, 2, 2], strides: [1, 1, 2], classes: 10, branches },
      });
      const stateDict = initialize(arch, 1);
      assert.deepEqual(load('official', stateDict), {
        ...{ arch, stateDict, form: 'training', metadata: {} },
      });
    }
    const named = (name: string): string => name.replace('rbr_dense.', '');
    const plain = normalizeArchitecture({
      ...{ widths: [8, 8], depths: [1, 2], strides: [1, 2], classes: 10, branches: ['3x3'] },
    });
    const convBn = Object.entries(initialize(plain, 1)).map(([name, tensor]) => [named(name), tensor]);
    assert.throws(
      () => load('vgg', Object.fromEntries(convBn)),
      /of the family conv-bn, and stage0 is a convolution with its BN, and what stands between those no name tells/,
    );
  });

  it('names a tensor that is not finite as the file does, not the merged one', () => {
    for (const [name, tensor] of [
      ['mobileone-timm', 'stem.conv_scale.conv.weight'],
      ['repvgg-timm', 'stem.conv_1x1.conv.weight'],
    ] as const) {
      const stateDict = stateDictOf(golden[name]!);
      stateDict[tensor]!.data[0] = Infinity;
      assert.throws(() => load(name, stateDict), {
        name: 'UserError',
        message: new RegExp(`^${name}: ${tensor} has Infinity at element 0`),
      });
    }
  });

  it('asks for the description of a family where a merged file is of one that is not known', () => {
    const stateDict = { 'one.kernel': { shape: [1], data: Float32Array.of(1) } };
    assert.throws(
      () => repVGGOf('m', { stateDict, integers: {}, metadata: { family: 'mine' } }),
      /m is of the family mine, which only the JSON file that describes it knows; name that with --family/,
    );
  });

  it('folds dead channels of any family whose network is computed, and of no other file', () => {
    const stateDict = stateDictOf(golden['mobileone-timm']!);
    const name = 'stages.0.1.identity';
    const variances = stateDict[`${name}.running_var`]!;
    const dead = {
      ...stateDict,
      [`${name}.running_var`]: { ...variances, data: variances.data.map(() => 0) },
    };
    const fold = (file: StateDict): StateDict | undefined =>
      withoutDead(load('mobileone-timm', file), file, recognize(file)!);
    assert.equal(fold(stateDict), undefined);
    const most = (kernels: StateDict): number =>
      kernels['stages.0.1.rbr_reparam.weight']!.data.reduce((a, w) => Math.max(a, Math.abs(w)), 0);
    const [plain, folded] = [load('mobileone-timm', dead).stateDict, fold(dead)!];
    assert.ok(most(plain) > 100 && most(folded) < 10, `${most(plain)}, ${most(folded)}`);
    assert.equal(fold(mergeRecognized(dead, recognize(dead)!)), undefined);
  });

  /** Merged, as loaded. */
  const networkOf = (name: string): { arch: Architecture; stateDict: StateDict } => {
    const { arch, form, stateDict } = load(name, stateDictOf(golden[name]!));
    return { arch, stateDict: form === 'merged' ? stateDict : mergeNetwork(arch, stateDict) };
  };
  const calibration = () => ({ images: goldenImages().dataSync() as Float32Array, size: 2 });
  const imageShape = [32, 32, 3] as const;

  for (const name of ['repvgg', 'mobileone', 'fastvit-timm', 'repvit', 'pplcnet-timm']) {
    it(`exports ${name}, in FP32 and in 8 bits, as ONNX that gives the same logits`, async () => {
      await inFolder(async (folder) => {
        const { arch, stateDict } = networkOf(name);
        const logitsOfFile = async (network: ExportedNetwork): Promise<Float32Array> => {
          const path = join(folder, 'network.onnx');
          await saveOnnx(path, network);
          const model = await openOnnxModel(path);
          const planes = tf.transpose(goldenImages(), [0, 3, 1, 2]).dataSync() as Float32Array;
          const logits = await model.run(planes, [2, 3, 32, 32]);
          await model.release();
          return logits;
        };
        assertClose(await logitsOfFile({ arch, stateDict }), golden[name]!.logits, 1e-4, 'FP32');
        const problem = { arch, merged: stateDict, calibration: calibration(), imageShape, seed: 0 };
        const network = await ptqMethods.minMax.quantize({
          ...problem,
          scheme: { bits: 8, weights: 'uniform', granularity: 'perChannel' },
        });
        const quantization = { scheme: network.scheme, activations: network.activations };
        const { params } = toVariables(network.stateDict);
        const expected = forwardQuantized(network, params, network.activations, goldenImages()).dataSync();
        const exported = await logitsOfFile({ arch, stateDict: network.stateDict, quantization });
        // A level of an activation may fall to either side of a rounding.
        assertClose(exported, expected, 0.02, '8 bits');
        // RepViT with made-up numbers grows by 10⁶ from block to block, and so does any error.
        if (name !== 'repvit') assertClose(expected, golden[name]!.logits, 0.1, '8 bits against FP32');
      });
    });
  }

  it('clips activations behind a ReLU alone, equalizes plain chains alone, and says so', async () => {
    const scheme = { bits: 6, weights: 'uniform' } as const;
    const problemOf = (name: string) => {
      const { arch, stateDict } = networkOf(name);
      return { arch, merged: stateDict, scheme, calibration: calibration(), imageShape, seed: 0 };
    };
    const network = await ptqMethods.mse.quantize(problemOf('mobileone'));
    assert.ok(Object.values(network.activations).every(({ min }) => min === 0));
    await assert.rejects(
      async () => await ptqMethods.mse.quantize(problemOf('pplcnet-timm')),
      /Values below 0 enter blocks\.0\.0\.conv_dw.*take minMax/,
    );
    await assert.rejects(
      async () => await ptqMethods.dfq.quantize(problemOf('mobileone')),
      /Equalization \(DFQ\) is for chains of 3×3 convolutions/,
    );
    // 1×1 kernels have no other taps to be set apart from; 3×3 and 7×7 ones do.
    const split = await ptqMethods.cfws.quantize(problemOf('mobileone'));
    assert.ok(split.stored!['stage1.0'] && !split.stored!['stage1.1']);
  });

  it('survives being saved and read again, and says what does not fit', async () => {
    await inFolder(async (folder) => {
      const { arch, stateDict } = networkOf('mobileone-timm');
      const path = join(folder, 'network.safetensors');
      await saveNetwork(path, { arch, stateDict, form: 'merged' });
      const again = await loadRepVGG(path);
      assert.deepEqual(again.arch, arch);
      assertClose(logitsOf(again), golden['mobileone-timm']!.logits, 2e-5);
    });
    const whole = stateDictOf(golden['mobileone-timm']!);
    const refuse = (stateDict: StateDict, message: RegExp): void => {
      assert.throws(() => load('mobileone-timm', stateDict), message);
    };
    const { 'head.fc.weight': _, ...headless } = whole;
    refuse(headless, /there is no classifier/);
    refuse(
      { ...whole, 'extra.weight': whole['head.fc.weight']! },
      /extra\.weight has no place in the layout/,
    );
  });

  it('takes strides that are said instead of those of a published name', () => {
    const arch = repvgg('A0', { width: 0.125, strides: [2, 2, 2, 2, 2] });
    const file = { stateDict: initialize(arch, 1), integers: {}, metadata: {} };
    const named = repvgg('A0', { width: 0.125 });
    assert.throws(
      () => repVGGOf('file', file, { arch: named }),
      /has no stage1\.0\.rbr_identity.*--strides 2,2,2,2,2/,
    );
    assert.deepEqual(repVGGOf('file', file, { arch: named, strides: [2, 2, 2, 2, 2] }).arch, arch);
  });

  it('takes strides that are said instead of the usual ones, and tells which were taken for granted', () => {
    const stateDict = stateDictOf(golden['mobileone']!);
    const notices: string[] = [];
    const file = { stateDict, integers: {}, metadata: {} };
    const usual = repVGGOf('x', file, { notice: (message) => notices.push(message) });
    assert.match(notices.join(), /strides 2, 2, 2, 2, 2 of the stages/);
    const given = repVGGOf('x', file, { strides: [1, 1, 2] });
    const stridesOf = ({ arch }: Network): number[] =>
      blocksOf(arch)
        .filter(({ inSqueeze }) => !inSqueeze)
        .map(({ stride }) => stride);
    assert.deepEqual(stridesOf(usual), [2, 2, 1, 1, 1, 2, 1]);
    assert.deepEqual(stridesOf(given), [1, 1, 1, 1, 1, 2, 1]);
    assert.throws(() => repVGGOf('x', file, { strides: [1] }), /more stages than strides were given/);
  });
});
