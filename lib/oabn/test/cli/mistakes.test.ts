/** Mistakes on the command line are told before any data is read, any engine started, or hours computed. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { UserError, writeSafetensors } from 'oabn-base';
import { createProgram } from '../../src/cli/index.js';
import { wholeNumber } from '../../src/cli/options.js';
import { initialize, normalizeArchitecture, saveNetwork } from '../../src/model/index.js';

describe('cli mistakes', () => {
  let folder: string;
  let network: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-mistakes-'));
    network = join(folder, 'net.safetensors');
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 1], strides: [1, 2], classes: 10 });
    await saveNetwork(network, { arch, stateDict: initialize(arch, 1), form: 'training' });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** The data is not there either, and is not what the message should be about. */
  async function refuse(args: readonly string[], message: RegExp): Promise<void> {
    const nowhere = ['--data', join(folder, 'no-data')];
    await assert.rejects(createProgram().parseAsync([...args, ...nowhere], { from: 'user' }), (error) => {
      assert.ok(error instanceof UserError, String((error as Error).stack));
      assert.match(error.message, message, args.join(' '));
      return true;
    });
  }

  it('wrong counts', async () => {
    assert.equal(wholeNumber('--seed', '0'), 0);
    for (const [text, least] of [
      ['', 0],
      ['-1', 0],
      ['1.5', 0],
      ['0', 1],
      ['1e400', 0],
    ] as const) {
      assert.throws(() => wholeNumber('--n', text, least), /--n must be a whole number .*, got /, text);
    }
    await refuse(['eval', network, '--images', '0'], /--images must be a whole number of at least 1, got 0/);
    await refuse(['quantize', network, '--bits', '4', '--images', '-3'], /--images must be .*, got -3/);
    await refuse(
      ['quantize', network, '--bits', '4', '--calibration', '0'],
      /--calibration must be .*, got 0/,
    );
    await refuse(['doctor', network, '--images', 'few'], /--images must be .*, got few/);
    await refuse(['eval', network, '--strides', '2,,2'], /--strides must be .*, got nothing/);
  });

  it('a family or an s for a file that says both itself', async () => {
    const merged = join(folder, 'merged.safetensors');
    const program = createProgram();
    await assert.rejects(
      program.parseAsync(['merge', network, '--family', 'repvgg', '-o', merged], { from: 'user' }),
      /net\.safetensors records its own architecture; --family is for files that do not/,
    );
    await refuse(['doctor', network, '--threshold', '0.1'], /records its own threshold; --threshold is for/);
    await refuse(
      ['quantize', network, '--bits', '4', '--method', 'cluster'],
      /centroids are --weights cluster with minMax, percentile, kl, dfq/,
    );
  });

  it('wrong bits and files that are not there', async () => {
    await refuse(['finetune', network, '--bits', '9'], /bits must be a whole number from 2 to 8, got 9/);
    const missing = join(folder, 'nope.pth');
    for (const args of [
      ['finetune', missing, '--bits', '4'],
      ['anneal', missing, '-s', '0.5'],
    ]) {
      await refuse(args, /Cannot read .*nope\.pth: no such file/);
    }
  });

  it('options of a checkpoint where none is named', async () => {
    await refuse(['doctor', '--html', 'x.html'], /^--data, --html: only for a checkpoint; name one/);
  });

  it('annealing to nothing, or with a strength of nothing', async () => {
    await refuse(['anneal', network], /annealed to: --threshold 0\.5, --penalty kure, or both/);
    await refuse(['anneal', network, '-s', '0.5', '--strength', '1'], /--strength is that of a --penalty/);
    await refuse(['train', '--strength', '1'], /--strength is that of a --penalty/);
    const kure = ['anneal', network, '--penalty', 'kure'];
    await refuse([...kure, '--strength', 'much'], /--strength must be > 0, got much/);
  });

  it('places that cannot be written to', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const below = join(file, 'out');
    await refuse(['anneal', network, '-s', '0.5', '-o', below], /out/);
    await refuse(['doctor', network, '--html', below], /out/);
  });

  it('outputs that would replace their checkpoint or one another, or bear the name of another format', async () => {
    const link = join(folder, 'link.safetensors');
    await symlink(network, link);
    const before = await readFile(network);
    const refused = (args: readonly string[], message: RegExp): Promise<void> =>
      assert.rejects(createProgram().parseAsync(args, { from: 'user' }), { name: 'UserError', message });
    for (const more of [['merge'], ['export'], ['quantize', '--bits', '4'], ['anneal', '-s', '0.5']]) {
      await refused([...more, network, '-o', link], /link\.safetensors is the checkpoint itself/);
      await refused([...more, network, '-o', join(folder, 'x.pth')], /x\.pth would not be a file that/);
    }
    for (const more of [['merge'], ['quantize', '--bits', '4'], ['finetune', '--bits', '4'], ['anneal']])
      await refused(
        [...more, network, '-o', join(folder, 'x.onnx')],
        /x\.onnx would be a checkpoint, .*export/,
      );
    await refused(['train', '-o', join(folder, 'x.onnx')], /x\.onnx would be a checkpoint/);
    await refused(['export', network, '-o', join(folder, 'y.safetensors')], /would be an ONNX file/);
    await refused(['doctor', network, '--html', link], /link\.safetensors is the checkpoint itself/);
    assert.deepEqual(await readFile(network), before);
    const twice = /is named for two files; give each its own name/;
    const [onnx, table] = [join(folder, 'x.onnx'), join(folder, 'table')];
    await refused(['export', network, '-o', onnx, '--page', `${folder}/./x.onnx`], twice);
    await refused(['export', network, '-o', onnx, '--tensorrt', table, '--ncnn', table], twice);
  });

  it('a network that cannot be merged, of which its file is named', async () => {
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 1], strides: [1, 2], classes: 10 });
    const name = 'stage1.0.rbr_dense.bn.running_var';
    const stateDict = { ...initialize(arch, 1), [name]: { shape: [8], data: new Float32Array(8).fill(-1) } };
    const path = join(folder, 'negative.safetensors');
    await saveNetwork(path, { arch, stateDict, form: 'training' });
    for (const [command, ...more] of [
      ['merge', '-o', join(folder, 'merged.safetensors')],
      ['analyze'],
      ['latency'],
      ['export', '-o', join(folder, 'negative.onnx')],
      ['eval', '--data', 'made', '--images', '10'],
      ['quantize', '--bits', '4', '--data', 'made', '--images', '10'],
    ] as const) {
      const done = createProgram().parseAsync([command, path, ...more], { from: 'user' });
      await assert.rejects(done, {
        name: 'UserError',
        message: new RegExp(`negative\\.safetensors: ${name} has -1 at element 0`),
      });
    }
  });

  it('a file that lacks a block, in what is said of the others', async () => {
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 3], strides: [1, 2], classes: 10 });
    const whole = Object.entries(initialize(arch, 1));
    const path = join(folder, 'gap.safetensors');
    const left = whole.filter(([name]) => !name.startsWith('stage1.1.'));
    await writeSafetensors(path, Object.fromEntries(left));
    for (const [command, stream, message] of [
      [
        'inspect',
        process.stdout,
        /Not computed here \(stage1\.1 is missing .*\), nor merged: the file is inc/,
      ],
      ['doctor', process.stderr, /gap\.safetensors: stage1\.1 is incomplete and left out: /],
    ] as const) {
      const writes = [process.stdout, process.stderr].map((each) => mock.method(each, 'write', () => true));
      try {
        await createProgram().parseAsync([command, path], { from: 'user' });
      } finally {
        writes.forEach((write) => write.mock.restore());
      }
      const written = writes[stream === process.stdout ? 0 : 1]!.mock.calls;
      assert.match(written.map(({ arguments: [text] }) => String(text)).join(''), message);
    }
  });

  it('a family’s description that is no file', async () => {
    await refuse(['eval', network, '--family', folder], /Cannot read the family's description .*EISDIR/);
  });

  it('advising training that a described network cannot have', async () => {
    const family = join(folder, 'mine.json');
    const html = join(folder, 'doctor.html');
    const bn = (name: string): string => `rbr_${name}.bn`;
    const terms = [
      { conv: 'rbr_dense.conv', bn: bn('dense') },
      { conv: 'rbr_1x1.conv', bn: bn('1x1') },
      { identity: 'named', bn: 'rbr_identity' },
    ];
    const layout = {
      steps: [
        { conv: 'stage0', activation: 'relu' },
        { each: 'stage*.*', steps: [{ conv: '', stride: 'stage', activation: 'relu' }] },
      ],
      strides: [1],
      classifier: ['linear'],
    };
    const blocks = [{ keys: ['rbr_dense.conv.weight'], terms, merged: 'one' }];
    await writeFile(family, JSON.stringify({ name: 'mine', blocks, layout }));
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 1], strides: [1, 1], classes: 10 });
    const stateDict = { ...initialize(arch, 1) };
    const name = 'stage1.0.rbr_identity.running_var';
    stateDict[name] = { shape: [8], data: new Float32Array(8).fill(1e-3) };
    const path = join(folder, 'spiky.safetensors');
    await writeSafetensors(path, stateDict);
    const advice = async (more: readonly string[]): Promise<string> => {
      const write = mock.method(process.stdout, 'write', () => true);
      try {
        await createProgram().parseAsync(['doctor', path, '--html', html, ...more], { from: 'user' });
      } finally {
        write.mock.restore();
      }
      return await readFile(html, 'utf8');
    };
    assert.match(await advice([]), /oabn train/);
    assert.doesNotMatch(await advice(['--family', family]), /oabn train/);
  });
});
