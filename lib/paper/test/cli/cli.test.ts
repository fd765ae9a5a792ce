import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgram } from '../../../oabn/src/cli/main.js';
import { readSafetensors } from 'oabn-base';
import { assertClose, goldenPath, goldenTensors } from '../../../oabn/test/golden/index.js';
import { oabn } from '../../../oabn/test/cli/run.js';

const arch = '{"widths":[4,4,6,8,12],"depths":[1,2,2,1,1],"strides":[1,1,2,2,1]}';
const pytorchFile = goldenPath('repvgg.safetensors');

/** A module that makes every download fail at once, on machines with a network too. */
const noNetwork = `data:text/javascript,${encodeURIComponent("globalThis.fetch = async () => { throw new Error('no network'); };")}`;

describe('cli', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-cli-'));
  });

  it('has help with an example for every command', () => {
    for (const command of createProgram().commands) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      if (command.commands.length === 0) assert.match(help, /Examples?:\n {2}\$ /, command.name());
    }
  });

  it("merges PyTorch's checkpoint to the kernels that PyTorch's network has", async () => {
    const output = join(folder, 'merged.safetensors');
    const { code, stdout } = await oabn(['merge', pytorchFile, '--arch', arch, '-o', output, '--json']);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { output, convolutions: 7 });
    const { tensors } = await readSafetensors(output);
    for (const [name, { shape, data }] of Object.entries(await goldenTensors('bn.merged.'))) {
      assert.deepEqual(tensors[name]!.shape, shape);
      assertClose(tensors[name]!.data as Float32Array, data, 1e-5, name);
    }
    assert.deepEqual(tensors['linear.weight']!.shape, [5, 12]);
  });

  it('reports outliers of a three-branch and of a merged file', async () => {
    const { code, stdout } = await oabn(['analyze', pytorchFile, '--arch', arch]);
    assert.equal(code, 0);
    assert.match(stdout, /block +weights +max\|w\| .*\n─+.*\nstage1\.0 +144 /);
  });

  it('says what is wrong and exits with 2', async function () {
    this.timeout(180_000);
    const wrong = async (args: string[], message: RegExp, env = {}): Promise<void> => {
      const { code, stderr, stdout } = await oabn(args, env);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n {4}at /);
      assert.equal(stdout, '');
      assert.equal(code, 2);
    };
    await wrong(
      ['merge', 'nowhere.safetensors', '-o', 'x'],
      /oabn: Cannot read nowhere\.safetensors: no such file/,
    );
    await wrong(
      ['merge', pytorchFile, '--arch', 'A0', '-o', 'x'],
      /is \[4, 3, 3, 3\], the architecture expects \[48, 3, 3, 3\]/,
    );
    await wrong(
      ['eval', pytorchFile, '--arch', arch, '--data', 'nowhere'],
      /--data nowhere is neither a dataset/,
    );
    await wrong(
      ['eval', pytorchFile, '--arch', arch, '--data', 'made'],
      /The network has 5 classes, but made has 10/,
    );
    await wrong(
      ['eval', pytorchFile, '--arch', arch, '--data', 'cifar10'],
      /^(No GPU.*\n)?oabn: CIFAR-10 is not here and could not be downloaded: name its folder/,
      { OABN_DATA_DIR: '', OABN_CACHE_DIR: join(folder, 'empty'), NODE_OPTIONS: `--import ${noNetwork}` },
    );
    await wrong(['train', '--threshold', '-1', '--data', 'made'], /s must be > 0 or inf, got -1/);
    await wrong(
      ['quantize', pytorchFile, '--arch', arch, '--bits', '9', '--data', 'made'],
      /bits must be a whole number from 2 to 8, got 9/,
    );
    await wrong(
      ['quantize', pytorchFile, '--arch', arch, '--bits', '8', '--method', 'magic', '--data', 'made'],
      /Unknown PTQ method «magic»; expected one of minMax, .*mse/,
    );
    await wrong(['train', '--precision', 'float8'], /Allowed choices are float32, float16/);
    await wrong(
      ['train', '--eager', '--precision', 'float16'],
      /'--precision <name>' cannot be used with option '--eager'/,
    );
    await wrong(['fly'], /unknown command 'fly'/);
    await wrong(['kernel', 'install', '--bogus'], /unknown option '--bogus'/);
    await wrong(['notebook', 'run'], /missing required argument 'notebooks'/);
    await wrong(['eval', 'nope.onnx'], /Cannot read nope\.onnx: no such file/);
    await wrong(
      ['train', '--set', 'epoch=3', '--data', 'made', '--profile', 'smoke'],
      /did you mean training\.schedule\.epochs/,
    );
  });

  it('kernel status exits with 4 where the kernel is not installed', async () => {
    const { code, stdout } = await oabn(['kernel', 'status', '--prefix', join(folder, 'nowhere'), '--json']);
    assert.equal(JSON.parse(stdout).state, 'missing');
    assert.equal(code, 4);
  });

  it('trains, fine-tunes, evaluates and quantizes, and answers from the store when asked again', async function () {
    this.timeout(180_000);
    const env = { OABN_RUNS_DIR: join(folder, 'runs') };
    const network = join(folder, 'network.safetensors');
    const common = ['--profile', 'smoke', '--data', 'made', '--json'];
    const train = ['train', '--threshold', '0.5', '-o', network, ...common];
    const first = await oabn(train, env);
    assert.equal(first.code, 0, first.stderr);
    const trained = JSON.parse(first.stdout);
    assert.deepEqual([trained.images, trained.network, trained.from], [200, network, 'computed']);
    const again = JSON.parse((await oabn(train, env)).stdout);
    assert.deepEqual(again, { ...trained, from: 'store' });

    const measured = JSON.parse(
      (await oabn(['eval', network, '--data', 'made', '--images', '200', '--json'], env)).stdout,
    );
    assert.deepEqual(measured, { accuracy: trained.accuracy, images: 200 });

    const quantized = join(folder, 'quantized.safetensors');
    const ptq = await oabn(
      ['quantize', network, '--bits', '8', '--data', 'made', '--images', '200', '-o', quantized, '--json'],
      env,
    );
    const { accuracy, stateSize, bits, method, weights } = JSON.parse(ptq.stdout);
    assert.deepEqual([bits, method, weights], [8, 'minMax', 'uniform']);
    assert.ok(stateSize > 100 && stateSize <= 3 * 255);
    assert.ok(Math.abs(accuracy - trained.accuracy) < 0.1);
    const reread = JSON.parse(
      (await oabn(['eval', quantized, '--data', 'made', '--images', '200', '--json'], env)).stdout,
    );
    assert.deepEqual(reread, { accuracy, images: 200 });

    const channels = ['--method', 'cfws', '--granularity', 'perChannel'];
    const split = JSON.parse(
      (await oabn(['quantize', network, '--bits', '8', ...channels, '--data', 'made', '--json'], env)).stdout,
    );
    // Three blocks of 8→8, 8→8 and 8→16 channels, each storing ten codes for nine weights.
    assert.equal(split.storedBits, 8 * 10 * (8 * 8 + 8 * 8 + 8 * 16));
    assert.ok(split.stateSize > 3 * 255, `${split.stateSize} states`);

    const fineTuned = await oabn(['finetune', network, '--bits', '3', '--method', 'cluster', ...common], env);
    assert.equal(fineTuned.code, 0, fineTuned.stderr);
    assert.ok(JSON.parse(fineTuned.stdout).stateSize <= 3 * 8);
  });
});
