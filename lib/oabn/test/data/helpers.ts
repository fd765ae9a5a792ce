/** Small CIFAR-10 files, folders that vanish, and a server that misbehaves on demand, for the data tests. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { UserError } from 'oabn-base';
import {
  type Batch,
  type Cifar10Source,
  type Dataset,
  type DatasetHead,
  pixelDataset,
} from '../../src/data/index.js';

export const fixtures = new URL('./fixtures/', import.meta.url).pathname;

/** Runs `work` with a new folder and removes it. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'oabn-data-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Images in each file of the small CIFAR-10. */
export const IMAGES_PER_FILE = 4;

/** The value of image i (0 … 23) of the small CIFAR-10 at a pixel and channel. */
export const pixelValue = (image: number, pixel: number, channel: number): number =>
  (image * 31 + pixel * 7 + channel * 101) % 256;

/** One binary file: records of a label and three planes. */
export function binaryFile(first: number): Uint8Array {
  const file = new Uint8Array(IMAGES_PER_FILE * 3073);
  for (let n = 0; n < IMAGES_PER_FILE; n++) {
    file[n * 3073] = (first + n) % 10;
    for (let i = 0; i < 3072; i++)
      file[n * 3073 + 1 + i] = pixelValue(first + n, i % 1024, Math.floor(i / 1024));
  }
  return file;
}

/** Writes `cifar-10-batches-bin` with 20 training and 4 test images into `folder`, and returns its path. */
export async function writeBinary(folder: string): Promise<string> {
  const target = join(folder, 'cifar-10-batches-bin');
  await mkdir(target, { recursive: true });
  for (let i = 0; i < 5; i++) await writeFile(join(target, `data_batch_${i + 1}.bin`), binaryFile(4 * i));
  await writeFile(join(target, 'test_batch.bin'), binaryFile(20));
  return target;
}

/**
 * Packs the small CIFAR-10 into `cifar-10-binary.tar.gz` in `folder`; returns its bytes and its description.
 */
export async function writeArchive(folder: string): Promise<{ bytes: Buffer; source: Cifar10Source }> {
  return inFolder(async (scratch) => {
    await writeBinary(scratch);
    const file = join(folder, 'cifar-10-binary.tar.gz');
    await mkdir(folder, { recursive: true });
    await create({ file, cwd: scratch, gzip: true }, ['cifar-10-batches-bin']);
    const bytes = await readFile(file);
    const md5 = createHash('md5').update(bytes).digest('hex');
    return {
      bytes,
      source: { url: 'http://127.0.0.1:9/archive.tar.gz', md5, imagesPerFile: IMAGES_PER_FILE },
    };
  });
}

/** Serves requests at a local address while `work` runs. */
export async function withServer<T>(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/cifar-10-binary.tar.gz`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An address at which nobody listens. */
export const unreachableUrl = (): Promise<string> =>
  withServer(
    () => undefined,
    (url) => Promise.resolve(url),
  );

/** A `UserError` whose message has all these parts. */
export function userError(...parts: (string | RegExp)[]): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof UserError)) throw error;
    for (const part of parts) {
      const there = typeof part === 'string' ? error.message.includes(part) : part.test(error.message);
      if (!there) throw new Error(`«${error.message}» lacks ${String(part)}`);
    }
    return true;
  };
}

/** A dataset of `size` random-looking images of `side`×`side` in `classes` classes. */
export function smallDataset(size: number, classes = 3, side = 8): Dataset {
  const pixels = Uint8Array.from({ length: size * side * side * 3 }, (_, i) => (i * 2654435761) >>> 24);
  const head: DatasetHead = {
    name: 'small',
    split: 'train',
    size,
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    imageShape: [side, side, 3],
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.25, 0.3],
    augmentation: 'padCrop',
    made: true,
    labels: Int32Array.from({ length: size }, (_, i) => (i * i) % classes),
    provenance: { dataset: 'small', source: 'test', checksum: '', note: '' },
  };
  return pixelDataset(head, pixels);
}

/** All batches. */
export async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}
