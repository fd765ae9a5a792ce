import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/index.js';
import { completionScript } from '../../src/cli/completion.js';
import { accuracyText } from '../../src/cli/output.js';
import { variantsOf } from '../../src/cli/overrides.js';
import { trainingOf } from '../../src/cli/train.js';
import { eventFile, eventsOf, writeEvents } from '../../src/experiment/tensorboard.js';

const config = {
  kind: 'finetune',
  source: { kind: 'pretrain', arch: { widths: [8], classes: 10 }, training: { seed: 1, weightDecay: 1e-4 } },
  scheme: { bits: 4, weights: 'uniform' },
  training: {
    images: null,
    seed: 2,
    momentum: 0.9,
    augment: true,
    schedule: { epochs: 2, learningRate: 0.1 },
  },
};

describe('cli --epochs, --lr, --batch, --images', () => {
  const schedule = { learningRate: 0.1, warmupEpochs: 0.5, epochs: 16, annealing: 'linear' } as const;
  const recipe = {
    ...{ images: null, batchSize: 128, schedule, momentum: 0.9, weightDecay: 0, labelSmoothing: 0 },
    augment: true,
  };

  it('change what they name, and leave the rest of the recipe, such as how the rate falls', () => {
    assert.deepEqual(trainingOf(recipe, {}), { schedule });
    assert.deepEqual(trainingOf(recipe, { epochs: '3', lr: '0.01', batch: '64', images: '100' }), {
      schedule: { ...schedule, epochs: 3, learningRate: 0.01 },
      ...{ batchSize: 64, images: 100 },
    });
  });
});

describe('cli accuracies', () => {
  it('say of which images they are', () => {
    const provenance = { dataset: 'CIFAR-10', note: '', source: '', checksum: '' };
    const text = (heldOut?: number): string =>
      accuracyText(
        { accuracy: 0.752, images: 2000 },
        { made: false, provenance },
        heldOut === undefined ? {} : { heldOut },
      );
    assert.equal(text(), '75.20% of 2000 test images, CIFAR-10');
    assert.equal(text(2000), '75.20% of 2000 held-out training images, CIFAR-10');
  });
});

describe('cli --set', () => {
  const withOverrides = <C extends object>(config: C, set: readonly string[]): C[] =>
    variantsOf(config, set).map((variant) => variant.config);

  it('takes whole paths, parts that tell, and the run’s own before its source’s', () => {
    const paths = ['training.schedule.epochs', 'training.epochs', 'epochs'];
    for (const path of paths) {
      assert.equal(withOverrides(config, [`${path}=7`])[0]!.training.schedule.epochs, 7, path);
    }
    assert.equal(withOverrides(config, ['seed=5'])[0]!.training.seed, 5);
    assert.equal(withOverrides(config, ['source.training.seed=5'])[0]!.source.training.seed, 5);
    assert.equal(withOverrides(config, ['images=100'])[0]!.training.images, 100);
    assert.deepEqual(withOverrides(config, []), [config]);
  });

  it('makes a run for each value of a list, and for all combinations of several', () => {
    const sweep = ['epochs=1,2,4', 'momentum=0.8,0.9'];
    const swept = withOverrides(config, sweep);
    const [first] = variantsOf(config, [...sweep, 'seed=3']);
    assert.equal(first!.label, 'epochs=1, momentum=0.8');
    const { set } = first!;
    assert.deepEqual(set, { 'training.schedule.epochs': 1, 'training.momentum': 0.8, 'training.seed': 3 });
    assert.deepEqual(
      swept.map(({ training }) => [training.schedule.epochs, training.momentum]),
      [1, 2, 4].flatMap((epochs) => [0.8, 0.9].map((momentum) => [epochs, momentum])),
    );
    assert.deepEqual(
      withOverrides(config, ['widths=[8,16],[4]']).map(({ source }) => source.arch.widths),
      [[8, 16], [4]],
    );
  });

  it('adds members that are usually left out, checked by their words', () => {
    const [one] = withOverrides(config, [
      'annealing=linear',
      'augment.translate=2',
      'granularity=perChannel',
    ]);
    assert.deepEqual(one!.training.schedule, { epochs: 2, learningRate: 0.1, annealing: 'linear' });
    assert.deepEqual(one!.training.augment, { translate: 2 });
    assert.deepEqual(one!.scheme, { bits: 4, weights: 'uniform', granularity: 'perChannel' });
  });

  it('adds every member that a run can have, and none of another kind of run', () => {
    const added = (setting: string, of: object = config): object => withOverrides(of, [setting])[0]!;
    assert.deepEqual(added('through=restored'), { ...config, through: 'restored' });
    assert.deepEqual(added('uniform.step=lsq'), { ...config, uniform: { step: 'lsq' } });
    assert.deepEqual(added('range=learned'), { ...config, activations: { range: 'learned' } });
    const clustered = { ...config, scheme: { bits: 4, weights: 'cluster' } };
    assert.deepEqual(added('init=kmeans++', clustered), { ...clustered, cluster: { init: 'kmeans++' } });
    assert.throws(() => added('cluster.update=ema'), /has no cluster\.update/);
    const { arch } = config.source;
    const { training } = config;
    assert.deepEqual(added('optimizer=repOptimizer', { arch, training }), {
      arch,
      training: { ...training, optimizer: 'repOptimizer' },
    });
    const annealing = { kind: 'anneal', training };
    assert.deepEqual(added('maxGradientNorm=2', annealing), {
      ...annealing,
      training: { ...training, maxGradientNorm: 2 },
    });
    assert.throws(() => added('maxGradientNorm=2'), /has no maxGradientNorm/);
    assert.throws(() => added('training.optimizer=sgd'), /has no training\.optimizer/);
    assert.throws(() => added('training.decay=all', { threshold: 1, training }), /has no training\.decay/);
  });

  it('takes a member that is there before one that is left out', () => {
    const [one] = withOverrides(config, ['momentum=0.8']);
    assert.deepEqual(one, { ...config, training: { ...config.training, momentum: 0.8 } });
    const [other] = withOverrides(config, ['activations.momentum=0.05']);
    assert.deepEqual(other, { ...config, activations: { momentum: 0.05 } });
  });

  it('says what is wrong, with what is near', () => {
    const wrong = (setting: string, message: RegExp): void =>
      assert.throws(() => withOverrides(config, [setting]), message);
    wrong('epochs', /--set needs key=value, got epochs/);
    wrong('training.epoch=3', /has no training\.epoch; did you mean training\.schedule\.epochs/);
    wrong('momentun=0.8', /did you mean training\.momentum/);
    wrong('momentum=fast', /training\.momentum must be a number, such as 0\.9, got fast/);
    wrong('annealing=stairs', /must be one of cosine, linear, got stairs/);
    wrong('kind=ptq', /has no kind/);
  });
});

describe('cli usage errors', () => {
  it('name the help of their own command, nested ones included', async () => {
    const nested = (program: Command): void => void program.command('runs').command('list');
    for (const [args, hint] of [
      [['train', '--s', '0.5'], '(oabn train --help lists its options)'],
      [['eval'], '(oabn eval --help lists its options)'],
      [['runs', 'list', '--foo'], '(oabn runs list --help lists its options)'],
      [['runs', '--foo'], '(oabn runs --help lists its commands)'],
      [['bogus'], '(oabn --help lists commands and options)'],
    ] as const) {
      let said = '';
      const program = createProgram([nested]);
      const quiet = (command: Command): void => {
        command.exitOverride().configureOutput({ writeErr: (text) => (said += text) });
        command.commands.forEach(quiet);
      };
      quiet(program);
      await assert.rejects(program.parseAsync(args, { from: 'user' }));
      assert.ok(said.includes(hint), said);
    }
  });
});

describe('cli completion', () => {
  it('completes commands, nested ones, options and their choices in bash', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oabn-completion-'));
    const script = join(folder, 'oabn.bash');
    await writeFile(script, completionScript('bash', createProgram()));
    const complete = (...words: string[]): string[] =>
      execFileSync(
        'bash',
        [
          '-c',
          `source "$0"; COMP_WORDS=(oabn "$@"); COMP_CWORD=$#; _oabn; echo "\${COMPREPLY[@]}"`,
          script,
          ...words,
        ],
        {
          encoding: 'utf8',
          cwd: folder,
        },
      )
        .trim()
        .split(' ');
    assert.deepEqual(complete('insp'), ['inspect']);
    assert.deepEqual(complete('quantize', '--gran'), ['--granularity']);
    assert.deepEqual(complete('train', '--precision', 'float1'), ['float16']);
    assert.deepEqual(complete('completion', '--h'), ['--help']);
    // A file, where nothing else fits.
    assert.deepEqual(complete('merge', 'oab'), ['oabn.bash']);
  });

  it('is fish’s and zsh’s, too', () => {
    const program = createProgram();
    assert.match(
      completionScript('fish', program),
      /^complete -c oabn -n '__fish_use_subcommand' -f -a inspect -d /m,
    );
    assert.match(completionScript('zsh', program), /^#compdef oabn\n/);
  });
});

describe('experiment/tensorboard', () => {
  const epochs = [1, 2].map((epoch) => ({
    ...{
      epoch,
      step: 300 * epoch,
      learningRate: 0.1 / epoch,
      trainLoss: 2 / epoch,
      trainAccuracy: 0.25 * epoch,
    },
  }));

  it('writes records with the lengths and checksums of the format', () => {
    const file = Buffer.from(eventFile(eventsOf(epochs, 0.5, 1e9)));
    // CRC-32C of eight bytes 18 00 … 00, masked: a version record of 24 bytes, as every event file begins.
    assert.equal(file.readBigUInt64LE(0), 24n);
    assert.equal(file.subarray(12 + 9, 12 + 24).toString('latin1'), '\x1a\rbrain.Event:2');
    let [at, records] = [0, 0];
    for (; at < file.length; records++) at += 16 + Number(file.readBigUInt64LE(at));
    assert.deepEqual([at, records], [file.length, 4]);
  });

  it('is read by TensorBoard itself, where it is installed', async function () {
    this.timeout(120_000);
    const python = process.env.OABN_TENSORBOARD_PYTHON ?? 'python3';
    try {
      execFileSync(python, ['-c', 'import tensorboard'], { stdio: 'ignore' });
    } catch {
      this.skip();
    }
    const folder = await mkdtemp(join(tmpdir(), 'oabn-tensorboard-'));
    await writeEvents(folder, 'run', eventsOf(epochs, 0.5, 1e9));
    const code =
      'import json,sys; from tensorboard.backend.event_processing.event_accumulator import EventAccumulator as E; ' +
      'a=E(sys.argv[1]); a.Reload(); print(json.dumps({t:[[e.step,e.value] for e in a.Scalars(t)] for t in a.Tags()["scalars"]}))';
    const read = execFileSync(python, ['-c', code, join(folder, 'run')], { encoding: 'utf8' });
    const scalars = JSON.parse(read.slice(read.indexOf('{'))) as Record<string, [number, number][]>;
    assert.deepEqual(scalars['train/loss'], [
      [300, 2],
      [600, 1],
    ]);
    assert.deepEqual(scalars['test/accuracy'], [[600, 0.5]]);
    assert.deepEqual(Object.keys(scalars).sort(), [
      'learning_rate',
      'test/accuracy',
      'train/accuracy',
      'train/loss',
    ]);
  });
});
