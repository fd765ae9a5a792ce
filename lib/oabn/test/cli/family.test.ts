import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { type HostTensor, readSafetensors, sizeOf, writeSafetensors } from 'oabn-base';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture, saveNetwork } from '../../src/model/index.js';
import { goldenPath, goldenTensors } from '../golden/index.js';
import { assertClose } from '../golden/index.js';
import { numbersOf } from '../golden/numbers.js';
import { oabn } from './run.js';

describe('cli for other families', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-families-'));
  });

  /** One family's tensors out of the golden file, as a file of their own. */
  async function checkpointOf(family: string): Promise<string> {
    const { tensors } = await readSafetensors(goldenPath('families.safetensors'));
    const own = Object.entries(tensors).filter(([name]) => name.startsWith(`${family}/`));
    const path = join(folder, `${family}.safetensors`);
    await writeSafetensors(
      path,
      Object.fromEntries(own.map(([name, tensor]) => [name.slice(family.length + 1), tensor])),
    );
    return path;
  }

  it('inspect says family, blocks, branches and what nobody can compute here', async () => {
    const path = await checkpointOf('mobileone');
    const { code, stdout } = await oabn(['inspect', path]);
    assert.equal(code, 0);
    assert.match(stdout, /: MobileOne \(arXiv 2206\.04040/);
    assert.match(stdout, /stage1\.0 +MobileOne block +4×1×3×3 +3×3 \+ 3×3 \+ 3×3 \+ 1×1 \+ identity/);
    assert.match(stdout, /Not computed here \(there is no classifier .*its blocks are merged and analysed/);
    const json = JSON.parse((await oabn(['inspect', path, '--json'])).stdout);
    assert.deepEqual([json.family, json.blocks.length, json.rest], ['mobileone', 3, []]);
  });

  /** A file of float32 tensors, and some of other types, whose bytes are zeros. */
  async function withOthers(
    name: string,
    tensors: Readonly<Record<string, HostTensor>>,
    others: Readonly<Record<string, { dtype: string; shape: readonly number[] }>>,
  ): Promise<string> {
    const all = [
      ...Object.entries(tensors).map(([key, { shape, data }]) => ({ key, dtype: 'F32', shape, bytes: data })),
      ...Object.entries(others).map(([key, { dtype, shape }]) => {
        return { key, dtype, shape, bytes: new Uint8Array(sizeOf(shape)) };
      }),
    ];
    let end = 0;
    const header = all.map(({ key, dtype, shape, bytes }) => {
      const data_offsets = [end, (end += bytes.byteLength)];
      return [key, { dtype, shape, data_offsets }] as const;
    });
    const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const parts = all.map(({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const path = join(folder, name);
    await writeFile(path, Buffer.concat([length, text, ...parts]));
    return path;
  }

  it('reads past tensors of other types that no block needs, and names one that a block does', async () => {
    const { tensors } = await readSafetensors(await checkpointOf('mobileone'));
    const mask = await withOthers('mask.safetensors', tensors, { mask: { dtype: 'BOOL', shape: [4] } });
    const merged = join(folder, 'mask-merged.safetensors');
    assert.equal((await oabn(['merge', mask, '-o', merged])).code, 0);
    assert.deepEqual((await readSafetensors(merged)).tensors.mask!.shape, [4]);
    const eight = { scaled: { dtype: 'F8_E4M3', shape: [4] } };
    const inspected = await oabn(['inspect', await withOthers('scaled.safetensors', tensors, eight)]);
    assert.equal(inspected.code, 0);
    assert.match(inspected.stderr, /tensor scaled is left out, because its dtype F8_E4M3 is not read/);
    const needed = Object.keys(tensors).find((name) => name.endsWith('conv.weight'))!;
    const { [needed]: weight, ...rest } = tensors;
    const path = await withOthers('needed.safetensors', rest, {
      [needed]: { dtype: 'F8_E4M3', shape: weight!.shape },
    });
    for (const command of [['inspect'], ['doctor'], ['merge', '-o', join(folder, 'none.safetensors')]]) {
      const { code, stderr } = await oabn([command[0]!, path, ...command.slice(1)]);
      assert.equal(code, 2);
      assert.ok(
        stderr.includes(`tensor ${needed} has dtype F8_E4M3, which is not read; store it as`),
        stderr,
      );
    }
  });

  it('says which tensors are not finite, and how many of their values', async () => {
    const { tensors } = await readSafetensors(await checkpointOf('mobileone'));
    const names = Object.keys(tensors).filter((name) => name.endsWith('conv.weight'));
    const broken = Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => {
        const index = names.indexOf(name);
        const values = (data as Float32Array).map((value, i) =>
          index === 0 && i > 1 && i < 5 ? NaN : index === 1 && i === 0 ? -Infinity : value,
        );
        return [name, { shape, data: values }];
      }),
    );
    const path = join(folder, 'nan.safetensors');
    await writeSafetensors(path, broken);
    const { code, stdout } = await oabn(['inspect', path]);
    assert.equal(code, 0);
    const first = `${names[0]} has NaN at element 2 of ${tensors[names[0]!]!.data.length}, and 2 more`;
    assert.ok(stdout.includes(`broken: ${first}`), stdout);
    assert.ok(stdout.includes(`broken: ${names[1]} has -Infinity at element 0`), stdout);
    for (const command of [['doctor'], ['merge', '-o', join(folder, 'none.safetensors')]]) {
      const { code, stderr } = await oabn([command[0]!, path, ...command.slice(1)]);
      assert.equal(code, 2);
      assert.ok(stderr.includes(`${first} that are not finite (so have ${names[1]})`), stderr);
    }
  });

  it('inspect believes what a file says of its own network, and guesses no strides', async () => {
    const arch = normalizeArchitecture({
      ...{ widths: [8, 8], depths: [1, 1], strides: [2, 2], classes: 10 },
      oabn: { threshold: 0.5 },
    });
    const path = join(folder, 'described.safetensors');
    await saveNetwork(path, { arch, stateDict: initialize(arch, 1), form: 'training' });
    const { code, stdout, stderr } = await oabn(['inspect', path]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout, /taken for granted/);
    assert.match(stdout, /"strides":\[2,2\].*"oabn":\{"threshold":0\.5\}/);
  });

  it('merge needs no --arch for names that are known, and keeps that family’s', async () => {
    const output = join(folder, 'merged.safetensors');
    const { code, stdout } = await oabn(['merge', await checkpointOf('fastvit'), '-o', output, '--json']);
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).convolutions, 4);
    const { tensors, metadata } = await readSafetensors(output);
    assert.equal(metadata.family, 'fastvit');
    assert.ok('network.0.0.token_mixer.reparam_conv.weight' in tensors);
    // An ordinary convolution keeps its BN, as in the family's own merged network.
    assert.ok('network.0.0.convffn.conv.bn.running_var' in tensors);
  });

  it('merges an official RepVGG without --arch to what PyTorch has', async () => {
    const output = join(folder, 'repvgg.safetensors');
    const { code } = await oabn(['merge', goldenPath('repvgg.safetensors'), '-o', output]);
    assert.equal(code, 0);
    const { tensors } = await readSafetensors(output);
    for (const [name, { data }] of Object.entries(await goldenTensors('bn.merged.'))) {
      assertClose(tensors[name]!.data as Float32Array, data, 1e-5, name);
    }
    const limited = join(folder, 'limited.safetensors');
    await oabn(['merge', goldenPath('repvgg.safetensors'), '-s', '0.7', '-o', limited]);
    const withS = (await readSafetensors(limited)).tensors;
    for (const [name, { data }] of Object.entries(await goldenTensors('oabn.merged.'))) {
      assertClose(withS[name]!.data as Float32Array, data, 1e-5, name);
    }
  });

  it('doctor predicts for a network that is not computed here, and writes its page', async () => {
    const html = join(folder, 'doctor.html');
    const { code, stdout, stderr } = await oabn([
      'doctor',
      await checkpointOf('fastvit'),
      '--html',
      html,
      '--json',
    ]);
    assert.equal(code, 0, stderr);
    const { layers, predictions, advice } = JSON.parse(stdout);
    const names = layers.map(({ layer }: { layer: string }) => layer);
    assert.deepEqual(names, ['network.0.0.convffn.conv', 'network.1.proj.0', 'network.2']);
    assert.equal(predictions.length, 3 * 5);
    assert.ok(advice.length > 1);
    assert.match(await readFile(html, 'utf8'), /<svg .*<\/html>/s);
  });

  it('doctor tells how many images it measured on, where the data have fewer than were asked for', async function () {
    this.timeout(120_000);
    const path = join(folder, 'tiny.safetensors');
    const arch = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [2, 2], classes: 10 });
    await saveNetwork(path, { arch, stateDict: initialize(arch, 1), form: 'training' });
    const counts = ['--images', '2500', '--calibration', '10', '--anneal', '0'];
    const { code, stdout, stderr } = await oabn(['doctor', path, '--data', 'made', ...counts, '--json']);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).measured.images, 2000);
  });

  /** The doctor's report on a merged network with one outlier, w, of an input channel that is `before` times itself. */
  async function reportOn(width: number, { w, before }: { w: number; before: number }) {
    const path = join(folder, `outlier-${width}.safetensors`);
    const arch = normalizeArchitecture({ widths: [4, width], depths: [1, 2], strides: [2, 2], classes: 10 });
    const merged = mergeNetwork(arch, initialize(arch, 1));
    const lower = merged['stage1.0.rbr_reparam.weight']!.data.subarray(0, 36);
    lower.forEach((weight, i) => (lower[i] = weight * before));
    merged['stage1.0.rbr_reparam.bias']!.data[0]! *= before;
    merged['stage1.1.rbr_reparam.weight']!.data[0] = w;
    await saveNetwork(path, { arch, stateDict: merged, form: 'merged' });
    const { code, stdout, stderr } = await oabn([
      ...['doctor', path, '--data', 'made', '--json', '--images', '200', '--calibration', '10'],
      ...['--anneal', '0.01', '--profile', 'smoke', '--runs', join(folder, 'runs')],
    ]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }

  it('doctor lists training that diverges among what was not measured, and goes on', async function () {
    this.timeout(120_000);
    // The fourth power of the outlier overflows float32.
    const { refused, trials } = await reportOn(4, { w: 1e30, before: 0 });
    assert.ok(trials.length > 0);
    const [failed] = refused.filter(({ title }: { title: string }) => title.startsWith('KURE'));
    assert.match(failed.reason, /the loss is (NaN|Infinity) at step 1/);
  });

  it('doctor equalizes a network with extreme outliers before it trains it with KURE', async function () {
    this.timeout(120_000);
    const { layers, trials } = await reportOn(20, { w: 100, before: 1e-3 });
    assert.ok(layers.some(({ peakToSigma }: { peakToSigma: number }) => peakToSigma > 50));
    const titles = trials.map(({ title }: { title: string }) => title);
    assert.ok(
      titles.some((title: string) => title.startsWith('KURE on the merged kernels, equalized first')),
      titles.join('\n'),
    );
  });

  it('computes a network whose layout is known: inspect, eval, quantize, export and eval of the file agree', async function () {
    this.timeout(120_000);
    const { shapes } = JSON.parse(await readFile(goldenPath('networks.json'), 'utf8'))['mobileone-timm'];
    const path = join(folder, 'network.safetensors');
    await writeSafetensors(
      path,
      Object.fromEntries(
        Object.entries(shapes as Record<string, number[]>).map(([name, shape]) => [
          name,
          { shape, data: numbersOf(name, shape) },
        ]),
      ),
    );
    const json = async (...args: string[]) => {
      const { code, stdout, stderr } = await oabn([...args, '--json']);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const { arch } = await json('inspect', path);
    assert.equal(arch.classes, 10);
    const [quantized, onnx] = [join(folder, '8bit.safetensors'), join(folder, '8bit.onnx')];
    const made = ['--data', 'made', '--images', '200'];
    const { accuracy } = await json(
      'quantize',
      path,
      '--bits',
      '8',
      '-o',
      quantized,
      '--calibration',
      '64',
      ...made,
    );
    await json('export', quantized, '-o', onnx);
    const rows = await json('eval', path, quantized, onnx, ...made);
    assert.deepEqual(
      rows.map(({ form }: { form: string }) => form),
      ['merged', 'quantized', 'onnx'],
    );
    assert.equal(rows[1].accuracy, accuracy);
    assert.ok(Math.abs(rows[2].accuracy - accuracy) <= 0.01);
    const merged = join(folder, 'merged.safetensors');
    await json('merge', path, '-o', merged);
    const both = await oabn(['eval', path, merged, '--branches', ...made]);
    assert.equal(both.code, 0, both.stderr);
    assert.match(both.stderr, /network\.safetensors: only RepVGG's branches are computed as they are/);
    assert.doesNotMatch(both.stderr, /merged\.safetensors: only/);
  });

  it('eval takes a folder of one’s own with val/ and class folders', async () => {
    const [data, path] = [join(folder, 'my data'), join(folder, 'two.safetensors')];
    const pixels = { create: { width: 24, height: 24, channels: 3 as const, background: 'red' } };
    for (const name of ['cat', 'dög']) {
      await mkdir(join(data, 'val', name), { recursive: true });
      await writeFile(join(data, 'val', name, '1.png'), await sharp(pixels).png().toBuffer());
    }
    const arch = normalizeArchitecture({ widths: [4, 4], depths: [1, 1], strides: [2, 2], classes: 2 });
    await saveNetwork(path, { arch, stateDict: initialize(arch, 1), form: 'training' });
    const { code, stdout, stderr } = await oabn(['eval', path, '--data', data, '--json']);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { accuracy: 0.5, images: 2 });
  });

  it('says what it does not know', async () => {
    const path = join(folder, 'other.safetensors');
    await writeSafetensors(path, { 'attention.q': { shape: [2], data: Float32Array.of(1, 2) } });
    const wrong = async (args: string[], message: RegExp): Promise<void> => {
      const { code, stderr } = await oabn(args);
      assert.match(stderr, message);
      assert.equal(code, 2);
    };
    await wrong(
      ['inspect', path],
      /No known family's blocks are in .*; its tensors are attention\.q\. Describe/,
    );
    await wrong(
      ['merge', path, '-o', 'x'],
      /does not contain its architecture, and its tensor names belong to no known family; give --arch/,
    );
    await wrong(
      ['merge', path, '-o', 'x', '--family', 'vgg'],
      /--family vgg is neither known \(yolov6, .*\) nor a file/,
    );
    const description = join(folder, 'bad.json');
    await writeFile(description, '{"name":"x","blocks":[{}]}');
    await wrong(
      ['merge', path, '-o', 'x', '--family', description],
      /bad\.json: blocks\[0\]\.keys must be a list/,
    );
    await wrong(
      ['eval', await checkpointOf('mobileone'), '--data', 'made'],
      /is of the family mobileone, and there is no classifier .*cannot be computed/,
    );
  });
});
