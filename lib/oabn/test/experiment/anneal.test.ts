import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  annealConfig,
  annealedThresholds,
  type AnnealConfig,
  kindOf,
  pretrainConfig,
  run,
  smallNetwork,
} from '../../src/experiment/index.js';
import { loadNetwork } from '../../src/model/index.js';
import { mergedPenalty } from '../../src/train/index.js';
import { smallLab } from './smallLab.js';

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
      source: {
        kind: 'checkpoint',
        sha256: '0123abcd'.repeat(8),
        data: { name: 'made', checksum: 'x', testImages: null },
        arch: smallNetwork,
      },
      threshold: 0.5,
      annealEpochs: 2,
      training: {
        images: 100,
        batchSize: 10,
        schedule: { learningRate: 0.01, warmupEpochs: 0, epochs: 3 },
        ...{ momentum: 0.9, weightDecay: 0, labelSmoothing: 0, augment: false, seed: 1 },
      },
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
    const misspelt = { ...config, annealEpoch: 1 };
    assert.throws(() => kind.normalize(misspelt), /anneal has no member "annealEpoch"/);
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
