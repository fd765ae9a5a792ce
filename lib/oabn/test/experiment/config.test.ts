import assert from 'node:assert/strict';
import {
  describeConfig,
  finetuneConfig,
  type FinetuneConfig,
  hashOf,
  kindOf,
  normalizeConfig,
  type PretrainConfig,
  readConfig,
  storedConfig,
} from '../../src/experiment/index.js';
import { smallDefaults } from './smallLab.js';

/**
 * A fine-tuning run as the profiles make it, with every number written out: its name must stay what it is.
 */
const config = (weights: 'uniform' | 'cluster'): FinetuneConfig => ({
  kind: 'finetune',
  source: {
    kind: 'pretrain',
    data: { name: 'made', checksum: 'sha256:0', testImages: 200 },
    arch: {
      widths: [8, 8],
      depths: [1, 2],
      strides: [2, 1],
      classes: 10,
      oabn: { threshold: 0.5 },
    },
    training: training(0.1),
  },
  scheme: { bits: 4, weights },
  calibrationImages: 64,
  training: training(0.001),
});

const training = (learningRate: number): FinetuneConfig['training'] => ({
  images: 320,
  batchSize: 32,
  schedule: { learningRate, warmupEpochs: 0.125, epochs: 1 },
  momentum: 0.9,
  weightDecay: 0,
  labelSmoothing: 0,
  augment: true,
  seed: 1,
});

describe('experiment/config: fine-tuning', () => {
  it('names runs without options as it did before there were any', () => {
    assert.equal(hashOf(config('uniform')), '7ae4958de1f7a71c');
    assert.equal(hashOf(config('cluster')), 'f9f39151fb20aa4c');
  });

  it('calls clustered weights in stores what they were called before', () => {
    const stored = storedConfig(config('cluster')) as FinetuneConfig;
    assert.equal(stored.scheme.weights, 'kmeans');
    assert.deepEqual(readConfig(stored), config('cluster'));
    assert.deepEqual(storedConfig(config('uniform')), config('uniform'));
    assert.throws(
      () => readConfig({ kind: 'distil' }),
      /Unknown kind of run: "distil"; expected one of pretrain, anneal, ptq/,
    );
  });

  it('reads the peak-to-σ ratios of results from when they were called reach', () => {
    const row = { block: 'stage1.0', weights: 9, maxAbs: 2, std: 0.1, kurtosis: 1 };
    const shares = { classAOfLargest: 1, classAOfAll: 0.1 };
    const result = (name: string) =>
      ({
        accuracy: 1,
        images: 1,
        epochs: [],
        network: '',
        outliers: [{ ...row, [name]: 20, ...shares }],
      }) as never;
    const { readResult } = kindOf(config('uniform').source as PretrainConfig);
    assert.deepEqual(readResult!(result('reach')), result('peakToSigma'));
    assert.deepEqual(readResult!(result('peakToSigma')), result('peakToSigma'));
  });

  it('leaves out defaults, and what the kind of weights has no use for', () => {
    assert.deepEqual(
      normalizeConfig({
        ...config('cluster'),
        through: 'merged',
        statistics: 'batch',
        cluster: { init: 'quantile', update: 'lloyd', updateEvery: 1, rate: 5 },
        uniform: { step: 'lsq' },
        activations: { range: 'moving', momentum: 0.01 },
      }),
      config('cluster'),
    );
    assert.deepEqual(
      normalizeConfig({
        ...config('uniform'),
        uniform: { step: 'max', rate: 2 },
        cluster: { update: 'ema' },
      }),
      config('uniform'),
    );
  });

  it('says in its description what differs', () => {
    const said = (changes: Partial<FinetuneConfig>, weights: 'uniform' | 'cluster' = 'cluster') => {
      const normal = normalizeConfig({ ...config(weights), ...changes });
      return describeConfig(normal).split(', OABN')[0];
    };
    const { scheme } = config('cluster');
    assert.equal(said({}), '4-bit ClusterQAT');
    assert.equal(said({ cluster: { init: 'optimal' } }), '4-bit ClusterQAT (init optimal)');
    assert.equal(said({ cluster: { updateEvery: 10 } }), '4-bit ClusterQAT (updateEvery 10)');
    assert.equal(
      said({ scheme: { ...scheme, granularity: 'perChannel', activationBits: 8 }, through: 'branches' }),
      '4-bit ClusterQAT (per channel; 8-bit activations; through the branches)',
    );
    assert.equal(
      said({ uniform: { step: 'lsq' }, activations: { range: 'learned' } }, 'uniform'),
      "4-bit uniform QAT (step lsq; activations' range learned)",
    );
  });

  it('keeps what differs', () => {
    const changed = {
      ...config('cluster'),
      through: 'branches' as const,
      statistics: 'batch' as const,
      cluster: { update: 'gradient' as const, rate: 0.01 },
      activations: { range: 'learned' as const },
    };
    assert.deepEqual(normalizeConfig(changed), changed);
    const lsq = { ...config('uniform'), uniform: { step: 'lsq' as const, rate: 0.1 } };
    assert.deepEqual(normalizeConfig(lsq), lsq);
  });

  it('shares a compiled function with runs of other numbers, and with none of another function', () => {
    const usual = config('cluster');
    const { source } = usual as FinetuneConfig & { readonly source: PretrainConfig };
    const keyOf = (changes: Partial<FinetuneConfig>): string =>
      kindOf(usual).compiledKey({ ...usual, ...changes });
    const others: Partial<FinetuneConfig>[] = [
      { calibrationImages: 32 },
      { training: { ...usual.training, seed: 2 } },
      { source: { ...source, arch: { ...source.arch, oabn: { threshold: 2 } } } },
      { cluster: { init: 'quantile' } },
    ];
    for (const changes of others) assert.equal(keyOf(changes), keyOf({}), JSON.stringify(changes));
    const functions: Partial<FinetuneConfig>[] = [
      { source: { ...source, arch: { ...source.arch, widths: [8, 12] } } },
      { training: { ...usual.training, momentum: 0.8 } },
      { through: 'branches' },
      { through: 'branches', statistics: 'batch' },
      { activations: { range: 'learned' } },
      { cluster: { update: 'gradient' } },
    ];
    assert.equal(new Set([{}, ...functions].map(keyOf)).size, functions.length + 1);
  });

  it('says what is wrong, with the value', () => {
    const wrong = (changes: object, message: RegExp): void =>
      void assert.throws(() => normalizeConfig({ ...config('cluster'), ...changes }), message);
    wrong({ through: 'both' }, /through must be one of "merged", "branches", "restored", got "both"/);
    wrong(
      { through: 'branches', statistics: 'old' },
      /statistics must be one of "running", "batch", got "old"/,
    );
    wrong({ cluster: { update: 'sgd' } }, /cluster\.update must be one of lloyd, ema, gradient, got "sgd"/);
    wrong({ cluster: { updateEvery: 0 } }, /updateEvery must be a whole number (> 0|≥ 1), got 0/);
    wrong({ activations: { momentum: 2 } }, /activations\.momentum must be in \[0, 1\], got 2/);
    assert.throws(
      () => normalizeConfig({ ...config('uniform'), uniform: { step: 'min' as never } }),
      /uniform\.step must be one of max, mse, lsq, got "min"/,
    );
  });

  it('takes an ablation’s changes: training, scheme and quantizers', () => {
    const { source } = config('uniform');
    const lab = { defaults: smallDefaults, data: source.data };
    const made = finetuneConfig(lab, {
      source: source,
      bits: 3,
      weights: 'cluster',
      training: { seed: 5 },
      scheme: { granularity: 'perChannel' },
      through: 'branches',
    });
    assert.deepEqual(made.scheme, { bits: 3, weights: 'cluster', granularity: 'perChannel' });
    assert.deepEqual([made.training.seed, made.through], [5, 'branches']);
  });
});
