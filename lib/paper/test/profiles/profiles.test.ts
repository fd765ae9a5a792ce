import assert from 'node:assert/strict';
import { costOf } from 'oabn/model';
import { onImagenet, profileNamed, profiles } from '../../src/profiles/index.js';

describe('profiles', () => {
  it('knows each profile by its name, and ImageNet’s side of it', () => {
    for (const [name, profile] of Object.entries(profiles)) {
      assert.equal(profileNamed(name), profile);
      assert.deepEqual(profileNamed(`${name}-imagenet`), onImagenet(profile));
      assert.equal(onImagenet(profile).name, `${name}-imagenet`);
      assert.equal(onImagenet(profile).imagenet, undefined);
    }
    assert.throws(
      () => profileNamed('fast'),
      /Unknown profile «fast»; expected one of smoke, quick, desk, deep, paper, full/,
    );
    assert.throws(() => profileNamed('fast-imagenet'), /Unknown profile «fast-imagenet»/);
  });

  it('lets the stand-in’s 64×64 images cost what CIFAR’s 32×32 cost, but for the classifier', () => {
    const { arch, data } = onImagenet(profiles.quick);
    assert.equal(data.name, 'imagenet50');
    for (const form of ['training', 'merged'] as const) {
      assert.equal(costOf(arch, 64, form).macs, costOf(profiles.quick.arch, 32, form).macs);
    }
  });

  it('has one pair of the paper’s depth, trained as the networks of desk', () => {
    const { arch, seeds, thresholds, ...deep } = profiles.deep;
    assert.deepEqual(arch.depths, profiles.paper.arch.depths);
    assert.deepEqual([seeds, thresholds], [[1], [0.5, Infinity]]);
    assert.deepEqual(deep.pretraining, profiles.desk.pretraining);
    assert.deepEqual(deep.finetuning, profiles.desk.finetuning);
  });

  it('trains RepVGG-A0 of full width on the stand-in in profile paper', () => {
    const { arch, data } = onImagenet(profiles.paper);
    assert.deepEqual([data.name, arch.widths], ['imagenet50', [48, 48, 96, 192, 1280]]);
    assert.equal(costOf(arch, 64, 'merged').macs, costOf(profiles.paper.arch, 32, 'merged').macs);
  });

  it('takes ImageNet-1k in profile full: RepVGG-A0 at 224×224', () => {
    const { arch, data, pretraining } = onImagenet(profiles.full);
    assert.deepEqual([data.name, arch.classes, pretraining.batchSize], ['imagenet', 1000, 256]);
    assert.equal((costOf(arch, 224, 'merged').macs / 1e9).toFixed(1), '1.4');
  });
});
