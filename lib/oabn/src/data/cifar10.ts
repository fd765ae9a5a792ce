/**
 * CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 32×32 in ten classes. The original
 * binary version is six files of 10,000 records of 3,073 bytes: a label, then 1,024 red, green and blue
 * values each. From Parquet the images are decoded once and cached.
 */
import { chmod, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { check, errorMessage, makeFolder, UserError } from 'oabn-base';
import { pixelDataset } from './batches.js';
import {
  type CacheOptions,
  checksumOf,
  decodeAll,
  type DecodedImages,
  readDecoded,
  writeDecoded,
} from './cache.js';
import { cifarStatistics, type Dataset, type Split } from './dataset.js';
import { isJpeg } from './decode.js';
import { checkMd5 } from './download.js';
import { binaryFolder, checkShards, filesName } from './locate.js';
import { openParquet } from './parquet.js';

/** Where CIFAR-10 comes from, and what it is checked against. */
export interface Cifar10Source {
  readonly url: string;
  readonly md5: string;
  /** Images in each of the six files; numbers other than 10,000 are for tests. */
  readonly imagesPerFile: number;
}

/** The original. */
export const cifar10Source: Cifar10Source = {
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  md5: 'c32a1d4ab5d03f1284b67883e8d87530',
  imagesPerFile: 10_000,
};

/** The classes in the order of their labels. */
export const cifar10Classes = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

const SIDE = 32;
const PLANE = SIDE * SIDE;
/** Bytes of a record: a label and its pixels. */
export const RECORD = 1 + 3 * PLANE;

/** The binary files of a split. */
export const binaryFiles = (split: Split): string[] =>
  split === 'train' ? [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`) : ['test_batch.bin'];

/**
 * CIFAR-10 from a folder of the binary version.
 * @throws UserError with the file, what was expected and what was found, for a missing file, a size or a
 * label that does not fit
 */
export async function openCifar10Binary(
  folder: string,
  split: Split,
  { imagesPerFile }: Cifar10Source = cifar10Source,
): Promise<Dataset> {
  const paths = binaryFiles(split).map((name) => join(folder, name));
  const size = paths.length * imagesPerFile;
  const pixels = new Uint8Array(size * 3 * PLANE);
  const labels = new Int32Array(size);
  for (const [i, path] of paths.entries()) {
    const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      throw new UserError(
        `Cannot read ${path}: ${error.code ?? error.message}. Unpack cifar-10-binary.tar.gz again.`,
      );
    });
    check(
      file.length === imagesPerFile * RECORD,
      `${path}: expected ${imagesPerFile * RECORD} bytes (${imagesPerFile} images), found ${file.length}. Fetch it again.`,
    );
    const first = i * imagesPerFile;
    readRecords(
      file,
      path,
      pixels.subarray(first * 3 * PLANE),
      labels.subarray(first, first + imagesPerFile),
    );
  }
  const checksum = await checksumOf(paths);
  return cifar10(split, { pixels, labels, side: SIDE, jpeg: false }, `${binaryFolder}, ${split}`, checksum);
}

/** Splits records into labels and interleaved pixels. */
function readRecords(file: Uint8Array, path: string, pixels: Uint8Array, labels: Int32Array): void {
  for (let n = 0; n < labels.length; n++) {
    const label = file[n * RECORD]!;
    check(
      label < 10,
      `${path} image ${n}: expected a label of 0 to 9, found ${label}. Fetch the file again.`,
    );
    labels[n] = label;
    const source = n * RECORD + 1;
    const target = n * 3 * PLANE;
    for (let p = 0; p < PLANE; p++) {
      pixels[target + 3 * p] = file[source + p]!;
      pixels[target + 3 * p + 1] = file[source + PLANE + p]!;
      pixels[target + 3 * p + 2] = file[source + 2 * PLANE + p]!;
    }
  }
}

/**
 * Unpacks the archive into `folder` as `cifar-10-batches-bin`, whole or not at all, after checking its MD5.
 * @returns the path of that folder
 */
export async function unpackCifar10(archive: string, folder: string, source: Cifar10Source): Promise<string> {
  await checkMd5(archive, source.md5, source.url);
  await makeFolder(folder);
  const temporary = await mkdtemp(join(folder, '.unpack-'));
  const wanted = new Set([...binaryFiles('train'), ...binaryFiles('test'), 'batches.meta.txt']);
  try {
    const { extract } = await import('tar');
    await extract({
      file: archive,
      cwd: temporary,
      strip: 1,
      filter: (path, entry) => 'type' in entry && entry.type === 'File' && wanted.has(basename(path)),
    });
    await chmod(temporary, 0o755);
    const target = join(folder, binaryFolder);
    await rename(temporary, target).catch(async (error: unknown) => {
      // Another process may have unpacked the same archive meanwhile: then its folder is as good.
      await readFile(join(target, 'test_batch.bin')).catch(() => {
        throw error;
      });
    });
    return target;
  } catch (error) {
    throw new UserError(`Cannot unpack ${archive} into ${folder}: ${errorMessage(error)}`);
  } finally {
    // With a damaged archive, files that were begun before the damage may still be being written.
    await rm(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/**
 * CIFAR-10 from Parquet files as on Hugging Face (`img` or `image`, `label`).
 * @throws UserError for files that are not whole, a count or a label that does not fit, or an unreadable
 * image
 */
export async function openCifar10Parquet(
  paths: readonly string[],
  split: Split,
  { cache, progress, warn }: CacheOptions,
  { imagesPerFile }: Cifar10Source = cifar10Source,
): Promise<Dataset> {
  checkShards(paths);
  const checksum = await checksumOf(paths);
  const path = join(cache, `cifar10-${split}-${checksum.slice(7, 23)}.safetensors`);
  let decoded = await readDecoded(path, checksum, warn);
  if (!decoded) {
    const images = await openParquet(paths);
    const expected = binaryFiles(split).length * imagesPerFile;
    check(
      images.size === expected,
      `${paths.join(', ')}: expected the ${expected} ${split} images of CIFAR-10, found ${images.size}`,
    );
    images.labels.forEach((label, row) => {
      check(label < 10, () => `${images.where(row)}: expected a label of 0 to 9, found ${label}`);
    });
    const jpeg = isJpeg(await images.read(0));
    const pixels = await decodeAll(images, SIDE, undefined, `decode cifar10 ${split}`, progress);
    decoded = { pixels, labels: images.labels, side: SIDE, jpeg };
    await writeDecoded(path, checksum, decoded);
  }
  return cifar10(split, decoded, filesName(paths), checksum);
}

function cifar10(split: Split, decoded: DecodedImages, source: string, checksum: string): Dataset {
  const { pixels, labels, jpeg } = decoded;
  return pixelDataset(
    {
      name: 'cifar10',
      split,
      size: labels.length,
      classes: cifar10Classes,
      imageShape: [SIDE, SIDE, 3],
      ...cifarStatistics,
      augmentation: 'padCrop',
      made: false,
      labels,
      provenance: {
        dataset: 'CIFAR-10',
        source,
        checksum,
        note: jpeg ? 'images JPEG-recompressed: accuracies come out a little lower than on the original' : '',
      },
    },
    pixels,
  );
}
