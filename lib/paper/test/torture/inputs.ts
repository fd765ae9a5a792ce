/** Scenarios of inputs: files of every kind that is read, changed; a reader refuses them or reads them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { configHash, decodeSafetensors, type Random } from 'oabn-base';
import { cifar10Source, openDataset, type OpenOptions } from 'oabn/data';
import { normalizeConfig, type RunConfig } from 'oabn/experiment';
import { mergeNetwork } from 'oabn/merge';
import { initialize, normalizeArchitecture, saveNetwork } from 'oabn/model';
import { loadAnyNetwork } from 'oabn/quantize';
import { exportHtml } from 'tslab-kernel/html';
import { createRequest, decodeMessage, encodeMessage } from 'tslab-kernel/protocol';
import { formatNotebook, parseNotebook } from 'tslab-kernel/run';
import { mutateBytes, mutateJson, mutateParquet, mutateSafetensors } from '../../../base/test/mutate.js';
import { corpusFile } from '../../../base/test/safetensorsCorpus.js';
import { fixtures, IMAGES_PER_FILE, writeArchive, writeBinary } from '../../../oabn/test/data/helpers.js';
import { mutate, randomNumbers } from '../../../oabn/test/fuzz/mutate.js';
import { fuzzTargets } from '../../../oabn/test/fuzz/targets.js';
import { nothingLeft, orRefused, pick, type Scenario } from './scenario.js';
import { only } from './toy.js';

const targets = only(fuzzTargets);

const files: Scenario = {
  name: 'changed safetensors and PyTorch files, networks, descriptions of families and architectures',
  async run(stream) {
    if (stream.uniform() < 0.2)
      return await orRefused(() => decodeSafetensors(corpusFile(stream.integer(2 ** 31))));
    const { originals, read } = pick(stream, await targets());
    const bytes = mutate(pick(stream, originals), randomNumbers(stream.integer(2 ** 31)));
    return await orRefused(() => read(bytes));
  },
};

const checkpoints: Scenario = {
  name: 'changed checkpoints: bytes, headers, and what their metadata say of architecture and quantization',
  async run(stream, folder) {
    const path = join(folder, 'x.safetensors');
    const arch = normalizeArchitecture({ widths: [3, 4], depths: [1, 2], strides: [1, 2], classes: 5 });
    const ranges = { 'stage1.0': { min: 0, max: 1 }, 'stage1.1': { min: 0, max: 2 } };
    const metadata = { quantization: { scheme: { bits: 4, weights: 'uniform' }, activations: ranges } };
    const quantization =
      stream.uniform() < 0.3 ? mutateJson(metadata.quantization, stream) : metadata.quantization;
    const merged = { arch, stateDict: mergeNetwork(arch, initialize(arch, 1)), form: 'merged' as const };
    await saveNetwork(path, merged, { quantization: JSON.stringify(quantization) ?? '' });
    await writeFile(path, mutateSafetensors(await readFile(path), stream));
    return await orRefused(() => loadAnyNetwork(path));
  },
};

const notebooks: Scenario = {
  name: 'changed notebooks, read, written and made into pages',
  async run(stream) {
    const text = await readFile('lib/notebook/test/fixtures/tour.ipynb', 'utf8');
    const changed =
      stream.uniform() < 0.2
        ? Buffer.from(mutateBytes(Buffer.from(text), stream)).toString()
        : (JSON.stringify(mutateJson(JSON.parse(text), stream)) ?? '');
    return await orRefused(async () => {
      const notebook = parseNotebook(changed);
      formatNotebook(notebook);
      await exportHtml(notebook);
    });
  },
};

const configurations: Scenario = {
  name: 'changed configurations of runs',
  async run(stream) {
    const names = (await readdir('data/results/runs')).filter((name) => name.endsWith('.json'));
    const file = await readFile(join('data/results/runs', pick(stream, names)), 'utf8');
    const { config } = JSON.parse(file) as { config: unknown };
    return await orRefused(() => configHash(normalizeConfig(mutateJson(config, stream) as RunConfig)));
  },
};

/** CIFAR-10 of few images, wherever it lies. */
const few: OpenOptions = {
  name: 'cifar10',
  environment: {},
  cifar10: { ...cifar10Source, imagesPerFile: IMAGES_PER_FILE },
};

/** The pixels of the first and the last image of a data set. */
async function pixelsOf(options: OpenOptions): Promise<Float32Array> {
  const data = await openDataset({ ...options, warn: () => undefined });
  const { images } = await data.take([0, data.size - 1]);
  assert.ok(images.length === 2 * data.imageShape.reduce((product, n) => product * n));
  return images;
}

async function copyChanged(
  from: string,
  to: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, change(await readFile(from)));
}

const cifarParquet = 'cifar10/plain_text/train-00000-of-00002.parquet';
const photographs = 'photographs/data/validation-00000-of-00001.parquet';

const dataSets: Scenario = {
  name: 'changed data sets: Parquet with pictures in it, CIFAR-10’s binary files and its archive',
  async run(stream, folder) {
    const [data, cache] = [join(folder, 'data'), join(folder, 'cache')];
    const options: OpenOptions = { ...few, data, cache };
    const parquet = (bytes: Uint8Array): Uint8Array => mutateParquet(bytes, stream);
    switch (stream.integer(4)) {
      case 0:
        await cp(join(fixtures, 'cifar10'), data, { recursive: true });
        await copyChanged(
          join(fixtures, cifarParquet),
          join(data, cifarParquet.replace('cifar10/', '')),
          parquet,
        );
        return await orRefused(() => pixelsOf(options));
      case 1:
        await copyChanged(
          join(fixtures, photographs),
          join(data, photographs.replace('photographs/', '')),
          parquet,
        );
        return await orRefused(() => pixelsOf({ ...options, name: 'imagenet', split: 'test' }));
      case 2: {
        const target = await writeBinary(data);
        const path = join(target, pick(stream, (await readdir(target)).sort()));
        await copyChanged(path, path, (bytes) => mutateBytes(bytes, stream));
        return await orRefused(() => pixelsOf(options));
      }
      default: {
        const { bytes, source } = await writeArchive(data);
        const changed = stream.uniform() < 0.5 ? mutateBytes(bytes, stream) : changedArchive(bytes, stream);
        await writeFile(join(data, 'cifar-10-binary.tar.gz'), changed);
        // Of a checksum that holds, so that the archive is unpacked.
        const md5 = createHash('md5').update(changed).digest('hex');
        return await orRefused(() => pixelsOf({ ...options, cifar10: { ...source, md5 } }));
      }
    }
  },
};

/** An archive whose content is changed, and packed well. */
function changedArchive(bytes: Uint8Array, stream: Random): Uint8Array {
  return gzipSync(mutateBytes(gunzipSync(bytes), stream));
}

const cachedPixels = only(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torture-cache-'));
  return { folder, pixels: await pixelsOf({ ...few, data: join(fixtures, 'cifar10'), cache: folder }) };
});

const caches: Scenario = {
  name: 'a changed cache of decoded pictures',
  async run(stream, folder) {
    const { folder: whole, pixels } = await cachedPixels();
    const cache = join(folder, 'cache');
    await cp(whole, cache, { recursive: true });
    const path = join(cache, pick(stream, (await readdir(cache)).sort()));
    if (stream.uniform() < 0.1) await rm(path);
    else await copyChanged(path, path, (bytes) => mutateBytes(bytes, stream));
    const outcome = await orRefused(async () =>
      assert.deepEqual(await pixelsOf({ ...few, data: join(fixtures, 'cifar10'), cache }), pixels),
    );
    await nothingLeft(cache);
    return outcome;
  },
};

const messages: Scenario = {
  name: 'changed messages to a kernel: none is taken without its signature',
  async run(stream) {
    const key = 'a key';
    const frames = encodeMessage(createRequest('execute_request', { code: '1' }, 'session'), key).map(
      (frame) => Buffer.from(frame),
    );
    const at = stream.integer(frames.length);
    const changed = frames.map((frame, i) => (i === at ? Buffer.from(mutateBytes(frame, stream)) : frame));
    if (changed.every((frame, i) => frame.equals(frames[i]!))) return 'same';
    assert.throws(() => decodeMessage(changed, key), /is not whole|wrong signature/);
    return 'refused';
  },
};

const onnxFiles = 200;
const onnx: Scenario = {
  name: `${onnxFiles} changed ONNX files each time, opened and run in a process that must live`,
  heavy: true,
  async run(stream) {
    const script = fileURLToPath(new URL('readOnnx.ts', import.meta.url));
    const numbers = [stream.integer(2 ** 31), 0, onnxFiles].map(String);
    const args = ['--conditions=oabn-source', '--import', 'tsx', script, ...numbers];
    const { status, signal, stdout } = await new Promise<{
      status: unknown;
      signal: unknown;
      stdout: string;
    }>((end) =>
      execFile(process.execPath, args, { maxBuffer: 2 ** 26 }, (error, text) =>
        end({ status: error?.code ?? 0, signal: error?.signal ?? null, stdout: text }),
      ),
    );
    assert.deepEqual([status, signal], [0, null], `${numbers.join(' ')}: ${stdout.slice(-1000)}`);
    assert.doesNotMatch(stdout, /broken: /);
    assert.equal(stdout.match(/^(read|refused)$/gm)?.length, onnxFiles);
    return 'refused';
  },
};

export const inputScenarios: readonly Scenario[] = [
  onnx,
  files,
  checkpoints,
  notebooks,
  configurations,
  dataSets,
  caches,
  messages,
];
