/**
 * Inputs that broke something once: a reader that hung, crashed, took what it must refuse, or ended the
 * process. Each lies in `corpus/<reader>/` under a name that begins with what must become of it. Whoever
 * finds another one puts it there.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configHash, decodeSafetensors } from 'oabn-base';
import { cifar10Source, openDataset } from 'oabn/data';
import { normalizeConfig, readConfig, type RunConfig } from 'oabn/experiment';
import { mergeNetwork } from 'oabn/merge';
import { loadAnyNetwork } from 'oabn/quantize';
import { exportHtml } from 'tslab-kernel/html';
import { formatNotebook, parseNotebook } from 'tslab-kernel/run';
import { openParquet } from '../../../oabn/src/data/parquet.js';
import { IMAGES_PER_FILE } from '../../../oabn/test/data/helpers.js';
import { orRefused } from './scenario.js';

const corpus = fileURLToPath(new URL('corpus/', import.meta.url));

/** The readers, by their folders. */
const readers: Readonly<Record<string, (path: string, folder: string) => Promise<unknown>>> = {
  safetensors: async (path) => decodeSafetensors(await readFile(path)),
  networks: async (path) => {
    const { arch, stateDict, form } = await loadAnyNetwork(path);
    return form === 'training' ? mergeNetwork(arch, stateDict) : stateDict;
  },
  parquet: async (path) => {
    const images = await openParquet([path]);
    for (let row = 0; row < images.size; row += Math.ceil(images.size / 5)) await images.read(row);
  },
  archives: async (path, folder) => {
    const bytes = await readFile(path);
    const md5 = createHash('md5').update(bytes).digest('hex');
    const data = join(folder, 'data');
    await mkdir(data);
    await writeFile(join(data, 'cifar-10-binary.tar.gz'), bytes);
    const cifar10 = { ...cifar10Source, md5, imagesPerFile: IMAGES_PER_FILE };
    return await openDataset({
      name: 'cifar10',
      data,
      cache: join(folder, 'cache'),
      environment: {},
      cifar10,
    });
  },
  configurations: async (path) => {
    const config = readConfig(JSON.parse(await readFile(path, 'utf8')) as RunConfig);
    return configHash(normalizeConfig(config));
  },
  notebooks: async (path) => {
    const notebook = parseNotebook(await readFile(path, 'utf8'), path);
    return formatNotebook(notebook) + (await exportHtml(notebook));
  },
};

describe('inputs that broke something', () => {
  it('lie in folders of readers that there are', async () => {
    assert.deepEqual((await readdir(corpus)).sort(), Object.keys(readers).sort());
  });

  for (const [reader, read] of Object.entries(readers)) {
    it(`are refused with a clear error, or read: ${reader}`, async () => {
      const unhandled: unknown[] = [];
      const note = (error: unknown): void => void unhandled.push(error);
      const others = process.listeners('unhandledRejection');
      process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
      try {
        for (const name of (await readdir(join(corpus, reader))).sort()) {
          const folder = await mkdtemp(join(tmpdir(), 'corpus-'));
          const outcome = await orRefused(() => read(join(corpus, reader, name), folder));
          assert.equal(outcome === 'same' ? 'read' : outcome, /^[a-z]+/.exec(name)![0], name);
          await rm(folder, { recursive: true });
        }
        // A rejection that nobody handles is heard of a little later.
        await new Promise((resolve) => setTimeout(resolve, 100));
      } finally {
        process.removeAllListeners('unhandledRejection');
        for (const listener of others) process.on('unhandledRejection', listener);
      }
      assert.deepEqual(unhandled, []);
    });
  }
});
