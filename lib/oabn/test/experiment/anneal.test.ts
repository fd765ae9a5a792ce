import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf, useBackend } from 'tfjs-native';
import {
  annealConfig,
  annealedThresholds,
  type AnnealConfig,
  hashOf,
  kindOf,
  type NetworkSource,
  openCheckpoint,
  pretrainConfig,
  run,
  smallNetwork,
  type TrainingConfig,
} from '../../src/experiment/index.js';
import { describeKernel, mergeNetwork } from '../../src/merge/index.js';
import {
  type Architecture,
  forwardMerged,
  initialize,
  loadNetwork,
  saveNetwork,
  type StateDict,
  toVariables,
} from '../../src/model/index.js';
import { mergedPenalty } from '../../src/train/index.js';
import { assertClose } from '../golden/index.js';
import { smallLab } from './smallLab.js';

const sourceOf = (arch: Architecture): NetworkSource => ({
  kind: 'checkpoint',
  sha256: '0123abcd'.repeat(8),
  data: { name: 'made', checksum: 'x', testImages: null },
  arch,
});

const training: TrainingConfig = {
  images: 100,
  batchSize: 10,
  schedule: { learningRate: 0.01, warmupEpochs: 0, epochs: 3 },
  ...{ momentum: 0.9, weightDecay: 0, labelSmoothing: 0, augment: false, seed: 1 },
};

/** A merged network with one weight far larger than others, on a channel that is almost zero. */
function outlying(arch: Architecture): StateDict {
  const merged = mergeNetwork(arch, initialize(arch, 1));
  const [lower, upper] = ['stage1.0', 'stage1.1'].map((name) => merged[`${name}.rbr_reparam.weight`]!.data);
  lower!.subarray(0, 8 * 9).forEach((w, i) => (lower![i] = w * 1e-3));
  merged['stage1.0.rbr_reparam.bias']!.data[0]! *= 1e-3;
  upper![4] = 20;
  return merged;
}

describe('experiment/anneal', () => {
  it('lets s fall in equal factors to the wanted one, and stay there', () => {
    const close = (actual: number[], expected: number[]): void => {
      assert.equal(actual.length, expected.length);
      actual.forEach((s, i) => assert.ok(Math.abs(s - expected[i]!) < 1e-12, `${actual.join(', ')}`));
    };
    close(annealedThresholds(8, 1, 3, 5), [4, 2, 1, 1, 1]);
    close(annealedThresholds(8, 1, 1, 2), [1, 1]);
    close(annealedThresholds(0.4, 0.5, 2, 3), [0.5, 0.5, 0.5]);
  });

  it('is a run like others: named, checked, of the network that it makes', () => {
    const config: AnnealConfig = {
      kind: 'anneal',
      source: sourceOf(smallNetwork),
      threshold: 0.5,
      annealEpochs: 2,
      training,
    };
    const kind = kindOf(config);
    assert.equal(kind.describe(kind.normalize(config)), 'anneal to s=0.5, BN file 0123abcd');
    assert.equal(kind.network(config).arch.oabn?.threshold, 0.5);
    assert.throws(
      () => kind.normalize({ ...config, annealEpochs: 4 }),
      /annealEpochs must be .* 1 to epochs = 3, got 4/,
    );
    assert.throws(
      () => kind.normalize({ ...config, threshold: Infinity }),
      /anneal\.threshold must be > 0, got Infinity/,
    );
    const { threshold: _s, annealEpochs: _epochs, ...neither } = config;
    assert.throws(() => kind.normalize(neither), /to a threshold s, or with a regularizer, or both/);
    assert.throws(() => kind.normalize({ ...neither, threshold: 0.5 }), /belong together/);
    const penalized: AnnealConfig = {
      ...neither,
      training: { ...config.training, regularizer: mergedPenalty('kure') },
    };
    assert.equal(
      kind.describe(kind.normalize(penalized)),
      'anneal with kure of the merged, λ=0.001, BN file 0123abcd',
    );
    assert.deepEqual(kind.network(penalized).arch, smallNetwork);
    const negative = { ...penalized.training, regularizer: mergedPenalty('kure', -1) };
    assert.throws(() => kind.normalize({ ...penalized, training: negative }), /strength must be > 0, got -1/);
    const merged = kind.normalize({ ...penalized, through: 'merged' }) as AnnealConfig;
    assert.equal(merged.through, 'merged');
    assert.ok(!('through' in kind.normalize({ ...penalized, through: 'branches' })));
    assert.throws(() => kind.normalize({ ...config, through: 'merged' }), /no branches to limit/);
    // Runs that are stored keep their names.
    assert.equal(hashOf(penalized), 'c6e69a394a91b710');
    assert.equal(hashOf({ ...penalized, through: 'merged', equalize: false }), '3a67e31fccd23984');
    const misspelt = { ...config, annealEpoch: 1 };
    assert.throws(() => kind.normalize(misspelt), /anneal has no member "annealEpoch"/);
  });

  it('compiles another function for merged weights', () => {
    const config: AnnealConfig = {
      kind: 'anneal',
      source: sourceOf(smallNetwork),
      training: { ...training, regularizer: mergedPenalty('kure') },
    };
    const keyOf = (of: AnnealConfig): string => kindOf(of).compiledKey(of);
    assert.notEqual(keyOf(config), keyOf({ ...config, through: 'merged' }));
    assert.equal(keyOf(config), keyOf({ ...config, training: { ...config.training, seed: 2 } }));
  });

  it('equalizes merged weights, not those of branches, and clips at a norm', () => {
    const config: AnnealConfig = {
      kind: 'anneal',
      source: sourceOf(smallNetwork),
      through: 'merged',
      equalize: true,
      training: { ...training, regularizer: mergedPenalty('kure'), maxGradientNorm: 1 },
    };
    const kind = kindOf(config);
    const normal = kind.normalize(config) as AnnealConfig;
    assert.ok(normal.equalize && normal.training.maxGradientNorm === 1);
    assert.equal(
      kind.describe(normal),
      'anneal equalized with kure of the merged, λ=0.001, BN file 0123abcd',
    );
    assert.throws(
      () => kind.normalize({ ...config, through: 'branches' }),
      /Equalization changes merged weights, .* through: "merged"/,
    );
    const negative = { ...config, training: { ...config.training, maxGradientNorm: -1 } };
    assert.throws(() => kind.normalize(negative), /maxGradientNorm must be > 0, got -1/);
  });

  it('begins with the same function, without the outliers', async function () {
    this.timeout(180_000);
    const lab = await smallLab();
    const { arch } = lab.defaults;
    const before = outlying(arch);
    const path = join(await mkdtemp(join(tmpdir(), 'oabn-outlying-')), 'network.safetensors');
    await saveNetwork(path, { arch, stateDict: before, form: 'merged' });
    const still = { learningRate: 1e-30, warmupEpochs: 0, epochs: 1 };
    const config = annealConfig(lab, {
      ...{ source: await openCheckpoint(lab, path), regularizer: mergedPenalty('kure') },
      ...{ equalize: true, training: { schedule: still } },
    });
    assert.equal(config.training.maxGradientNorm, 1);
    const { folder, result } = await run(lab, config, { files: true });
    const { stateDict: after } = await loadNetwork(join(folder, result.network));
    const peak = (stateDict: StateDict): number =>
      describeKernel(stateDict['stage1.1.rbr_reparam.weight']!).peakToSigma;
    assert.ok(peak(before) > 20 && peak(after) < 10, `${peak(before)} before, ${peak(after)} after`);
    await useBackend('wasm');
    const images = tf.randomNormal([4, 32, 32, 3], 0, 1, 'float32', 1) as tf.Tensor4D;
    const logits = (stateDict: StateDict): Float32Array =>
      forwardMerged(arch, toVariables(stateDict).params, images).dataSync() as Float32Array;
    assertClose(logits(after), logits(before), 1e-4, 'logits');
  });

  it('brings every ratio of a plain-BN network below s, starting from its largest', async function () {
    this.timeout(180_000);
    const lab = await smallLab();
    const source = pretrainConfig(lab, { threshold: Infinity, seed: 1 });
    const { result } = await run(lab, annealConfig(lab, { source, threshold: 0.3 }), { files: true });
    const { thresholds, outliers, epochs } = result;
    assert.equal(epochs.length, 3);
    assert.ok(thresholds[0]! > 0.3 && thresholds[1] === 0.3 && thresholds[2] === 0.3, thresholds.join());
    for (const { identity } of outliers) assert.ok((identity?.maxRatio ?? 0) <= 0.3 + 1e-6);
  });

  it('takes outliers from the merged weights with a penalty, more than training on without', async function () {
    this.timeout(180_000);
    const lab = await smallLab();
    const source = pretrainConfig(lab, { threshold: Infinity, seed: 1 });
    for (const through of ['merged', 'branches'] as const) {
      const peaks = async (strength: number): Promise<number[]> => {
        const regularizer = mergedPenalty('kure', strength);
        const { folder, result } = await run(lab, annealConfig(lab, { source, regularizer, through }), {
          files: true,
        });
        assert.deepEqual(result.thresholds, []);
        const { form } = await loadNetwork(join(folder, result.network));
        assert.equal(form, through === 'merged' ? 'merged' : 'training');
        return result.outliers.map(({ peakToSigma }) => peakToSigma);
      };
      const [strong, none] = [await peaks(0.01), await peaks(1e-9)];
      const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
      assert.ok(
        sum(strong) < 0.9 * sum(none),
        `${through}: ${strong.join()} with it, ${none.join()} without`,
      );
    }
  });
});
