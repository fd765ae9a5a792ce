import assert from 'node:assert/strict';
import { normalizeConfig, type PretrainConfig } from '../../src/experiment/index.js';
import { stepKey } from '../../src/experiment/training.js';
import { smallDefaults } from './smallLab.js';

const training = {
  ...smallDefaults.pretraining,
  ...{ images: null, batchSize: 100, seed: 1 },
  schedule: { learningRate: 0.05, warmupEpochs: 0, epochs: 1 },
};

describe('experiment/config: training options', () => {
  const config: PretrainConfig = {
    kind: 'pretrain',
    data: { name: 'made', checksum: 'sha256:0', testImages: 200 },
    arch: smallDefaults.arch,
    training,
  };
  const normal = (changes: object): PretrainConfig =>
    normalizeConfig({ ...config, training: { ...training, ...changes } });

  it('leaves out what is usual', () => {
    const usual = {
      ...{ decay: 'kernels', optimizer: 'sgd' },
      augment: { flip: 'random', padding: 'black' },
      schedule: { ...training.schedule, annealing: 'cosine' },
    };
    assert.deepEqual(normal(usual), config);
  });

  it('keeps what differs', () => {
    const options = {
      decay: 'all',
      ema: { decay: 0.99 },
      augment: { flip: 'alternating', translate: 2, padding: 'reflect' },
      schedule: { ...training.schedule, annealing: 'linear' },
    };
    assert.deepEqual(normal(options).training, { ...training, ...options });
  });

  it('trains single convolutions by another optimizer, as other runs', () => {
    const plain = { ...config, arch: { ...config.arch, branches: ['3x3'] as const } };
    const optimizer = 'repOptimizer';
    const named = normalizeConfig({ ...plain, training: { ...training, optimizer } });
    assert.deepEqual(named.training, { ...training, optimizer });
    assert.notEqual(stepKey(named.arch, named.training), stepKey(named.arch, training));
  });

  it('lets held-out images stand for the test images', () => {
    const data = { ...config.data, firstTestImage: 8, heldOut: 50 };
    assert.deepEqual(normalizeConfig({ ...config, data }).data, {
      ...{ name: 'made', checksum: 'sha256:0', testImages: null, heldOut: 50 },
    });
  });

  it('says what is wrong, with the value', () => {
    const wrong = (changes: object, message: RegExp): void =>
      void assert.throws(() => normal(changes), message);
    wrong({ decay: 'none' }, /decay must be one of "kernels", "kernelsAndIdentity", .*, got "none"/);
    wrong({ optimizer: 'adam' }, /optimizer must be one of "sgd", "repOptimizer", got "adam"/);
    wrong({ optimizer: 'repOptimizer' }, /set arch\.branches to \["3x3"\]/);
    wrong({ ema: { decay: 1 } }, /ema\.decay must be in \(0, 1\), got 1/);
    wrong(
      { augment: { flip: 'never' } },
      /augment\.flip must be one of "random", "alternating", got "never"/,
    );
    wrong({ augment: { translate: 1.5 } }, /augment\.translate must be a whole number ≥ 0, got 1\.5/);
    wrong(
      { schedule: { ...training.schedule, annealing: 'step' } },
      /annealing must be one of .*, got "step"/,
    );
    const oneBlock = { ...config.arch, widths: [8], depths: [1], strides: [1] };
    const regularizer = { penalty: 'kure', strength: 1 } as const;
    assert.doesNotThrow(() => normalizeConfig({ ...config, arch: oneBlock }));
    assert.throws(
      () => normalizeConfig({ ...config, arch: oneBlock, training: { ...training, regularizer } }),
      /all but the first convolution’s; this network has no other/,
    );
    assert.throws(
      () => normalizeConfig({ ...config, data: { ...config.data, heldOut: 0 } }),
      /data\.heldOut must be a whole number > 0, got 0/,
    );
  });
});
