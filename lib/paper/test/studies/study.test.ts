import assert from 'node:assert/strict';
import { describeConfig, hashOf, type PretrainConfig, type PtqConfig } from 'oabn/experiment';
import { type PaperLab, profiles } from '../../src/profiles/index.js';
import {
  ablationGroups,
  ablationStudy,
  annealingTable,
  lowBitStudy,
  pretrainingRivals,
  ptqStudy,
  rivalNetwork,
  rivalStudy,
  seedsText,
  studyJobs,
  thresholdStudy,
} from '../../src/studies/index.js';

const lab = {
  ...{ profile: profiles.quick, defaults: profiles.quick },
  data: { name: 'made', checksum: 'sha256:00', testImages: 2000 },
} as unknown as PaperLab;

describe('studies', () => {
  it('name every way to pretrain in words of its own', () => {
    const named = Object.keys(pretrainingRivals).map((pretraining) =>
      describeConfig(rivalNetwork(lab, { pretraining, threshold: 0.5, seed: 1 })),
    );
    assert.equal(new Set(named).size, named.length, named.join('\n'));
    assert.ok(named.includes('train BN seed 1'));
    assert.ok(named.includes('train BN, 3×3 alone with repOptimizer seed 1'));
    assert.ok(named.includes('train OABN s=0.5, straight through seed 1'));
    assert.ok(named.includes('train BN with decay of the kernels seed 1'));
  });

  it('list their runs, networks first, each once', () => {
    const study = lowBitStudy({ bits: [4, 3], thresholds: [0.5, Infinity], seeds: [1] });
    const jobs = studyJobs(lab, [study, lowBitStudy({ bits: [4], thresholds: [0.5], seeds: [1] })]);
    assert.deepEqual(
      jobs.map(({ config }) => config.kind),
      [
        'pretrain',
        'pretrain',
        ...Array(2)
          .fill(['ptq', 'ptq', ...Array(4).fill('finetune')])
          .flat(),
      ],
    );
    assert.equal(new Set(jobs.map(({ config }) => hashOf(config))).size, jobs.length);
  });

  it('begin, seed by seed, with plain BN and the s of the ablation, all that starts from them included', () => {
    const study = thresholdStudy({ thresholds: [0.1, 0.5, Infinity], seeds: [1, 2], bits: [8, 4] });
    const priorities = studyJobs(lab, [study]).map(({ config, priority }) => {
      const network = config.kind === 'pretrain' ? config : (config as PtqConfig).source;
      const { training, arch } = network as PretrainConfig;
      return `seed ${training.seed}, s ${arch.oabn?.threshold ?? 'none'}: ${priority}`;
    });
    assert.deepEqual([...new Set(priorities)].sort(), [
      'seed 1, s 0.1: 1',
      'seed 1, s 0.5: 0',
      'seed 1, s none: 0',
      'seed 2, s 0.1: 3',
      'seed 2, s 0.5: 2',
      'seed 2, s none: 2',
    ]);
  });

  it('run thresholds that only draw a curve with the first seed alone', () => {
    const profile = { ...profiles.quick, thresholds: [0.1, 0.25, Infinity], curveThresholds: [0.25] };
    const networks = (study: ReturnType<typeof thresholdStudy>) =>
      study.cells({ ...profile, ptqBits: [4] }).map(({ seed, threshold }) => `${seed}: ${threshold}`);
    assert.deepEqual(networks(thresholdStudy()), [
      '1: 0.1',
      '1: 0.25',
      '1: Infinity',
      '2: 0.1',
      '2: Infinity',
    ]);
    // Who names thresholds means all of them.
    assert.equal(networks(thresholdStudy({ thresholds: profile.thresholds })).length, 6);
  });

  it('name the methods and groups that there are', () => {
    assert.throws(
      () => ablationStudy({ groups: ['centroids'] }),
      /groups must be among .*; first centroids; .*"centroids"/,
    );
    const methods = ['clusterQAT'] as never;
    assert.throws(
      () => lowBitStudy({ methods }),
      /methods must be among ptq; uniformQat; clusterQat, got "clusterQAT"/,
    );
  });

  it('compare some of the rivals where they are named', () => {
    const quantization = ['LSQ, weights and activations', 'ClusterQAT, learned ranges'];
    const grid = { rounds: ['fine-tuning'] as const, seeds: [2], bits: [3], threshold: 0.5 };
    const configs = studyJobs(lab, [rivalStudy({ ...grid, pretraining: ['OABN'], quantization })]);
    const names = configs.map(({ config }) => config.kind);
    assert.deepEqual(names, ['pretrain', 'finetune', 'finetune']);
    // They are runs of the ablations, too.
    const groups = ["the activations' ranges", 'uniform baselines'];
    const ablations = studyJobs(lab, [ablationStudy({ groups, seeds: [2], bits: 3, threshold: 0.5 })]);
    const known = new Set(ablations.map(({ config }) => hashOf(config)));
    assert.ok(configs.every(({ config }) => known.has(hashOf(config))));
    assert.throws(
      () => rivalStudy({ quantization: ['lsq'] }),
      /quantization must be among .*; LSQ; .*got "lsq"/,
    );
    assert.throws(() => rivalStudy({ pretraining: ['BN'] }), /pretraining must be among .*got "BN"/);
  });

  it('say where some networks have fewer seeds than others', () => {
    const cells = (thresholds: number[], seeds: number[], network?: string) =>
      thresholds.flatMap((threshold) =>
        seeds.map((seed) => ({ threshold, seed, ...(network && { network }) })),
      );
    assert.equal(seedsText([{ threshold: 1 }]), '');
    const rivals = [1, 2, 3].map((seed) => ({
      threshold: 0.5,
      seed,
      pretraining: seed < 2 ? 'KURE' : 'OABN',
    }));
    assert.equal(seedsText(rivals), ' · 1 to 2 seeds');
    assert.equal(seedsText(cells([0.5, Infinity], [1])), ' · 1 seed');
    assert.equal(seedsText(cells([0.5, Infinity], [1, 2, 3])), ' · 3 seeds');
    assert.equal(seedsText([...cells([0.5, Infinity], [1, 2, 3]), ...cells([1], [1])]), ' · 1 to 3 seeds');
    const tables = [...cells([Infinity], [1, 2], 'RepVGG'), ...cells([Infinity], [1], 'QARepVGG')];
    assert.equal(seedsText(tables), ' · 1 to 2 seeds');
  });

  it('take other cells, which are values', () => {
    const study = ablationStudy({ groups: ['how centroids move'], bits: 2, threshold: 0.25, seeds: [7] });
    const cells = study.cells(profiles.quick);
    assert.deepEqual(
      [...new Set(cells.map(({ group, bits, threshold, seed }) => [group, bits, threshold, seed].join()))],
      ['how centroids move,2,0.25,7'],
    );
    const own = { ...cells[0]!, variant: 'mine', changes: { cluster: { updateEvery: 3 } } };
    const config = study.config(own, lab);
    assert.deepEqual([config.kind, config.scheme], ['finetune', { bits: 2, weights: 'cluster' }]);
    assert.deepEqual('cluster' in config && config.cluster, { updateEvery: 3 });
    const networks = studyJobs(lab, [{ ...study, cells: () => [own] }]).filter(
      ({ config: { kind } }) => kind === 'pretrain',
    );
    assert.equal(networks.length, 1);
  });

  it('cover every group of ablations, and every granularity of a PTQ method', () => {
    const groups = ablationStudy()
      .cells(profiles.quick)
      .map(({ group }) => group);
    assert.deepEqual([...new Set(groups)], ablationGroups);
    const cells = ptqStudy({ methods: ['minMax'], bits: [3], seeds: [1], thresholds: [1] }).cells(
      profiles.quick,
    );
    assert.deepEqual(
      cells.map(({ network, granularity }) => `${network} ${granularity}`),
      ['RepVGG perTensor', 'QARepVGG perTensor', 'RepVGG perChannel', 'QARepVGG perChannel'],
    );
    const [learned] = ptqStudy({ methods: ['adaRound'], bits: [3] }).cells(profiles.quick);
    assert.equal(learned!.iterations, profiles.quick.tableIterations, 'its steps stand in the table');
  });
});

describe('studies/annealing', () => {
  it('means the seeds of each way, bits side by side', () => {
    const point = (seed: number, bits: number, accuracy: number) =>
      ({ way: 'OABN annealed', seed, bits, fp32: 0.5, accuracy }) as const;
    const rows = annealingTable([point(1, 8, 0.4), point(2, 8, 0.5), point(1, 4, 0.25)]);
    assert.deepEqual(rows, [{ way: 'OABN annealed', FP32: '50.0', '8 bits': '45.0', '4 bits': '25.0' }]);
  });
});
