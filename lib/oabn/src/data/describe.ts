/**
 * What data a folder holds, for `oabn data`: each dataset with its format, images per split, classes,
 * checksum, size on disk, and what is wrong with it. Images are not decoded; labels, counts and file sizes
 * are checked.
 */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { check, errorMessage } from 'oabn-base';
import { checksumOf, largestCache, listingChecksum } from './cache.js';
import { binaryFiles, cifar10Source, type Cifar10Source, RECORD } from './cifar10.js';
import type { Split } from './dataset.js';
import { imageSize, isJpeg } from './decode.js';
import { checkMd5 } from './download.js';
import { classFolders, openFolders } from './folders.js';
import { checkShards, findIn, foldersIn, type Found } from './locate.js';
import { openParquet } from './parquet.js';

/** One split of a dataset that was found. */
export interface SplitDescription {
  /** Which split. */
  readonly split: Split;
  /** Number of images. */
  readonly images: number;
  /** How many different labels occur. */
  readonly classes: number;
  /** Number of files. */
  readonly files: number;
  /** Their size on disk. */
  readonly bytes: number;
  /** The source's checksum, as in `Provenance`. */
  readonly checksum: string;
}

/** What a folder of images holds, as `oabn data` reports it. */
export interface DataDescription {
  /** How the images are stored. */
  readonly format: Found['format'];
  /** The folder that holds them. */
  readonly folder: string;
  /** What it looks like: CIFAR-10, or ImageNet at some size. */
  readonly content: string;
  /** The splits that were found. */
  readonly splits: readonly SplitDescription[];
  /** What a user should fix; empty when all is well. */
  readonly problems: readonly string[];
}

/**
 * Describes the data in `folder` and in the folders directly within it. @throws UserError when it does not
 * exist.
 */
export async function describeData(
  folder: string,
  source: Cifar10Source = cifar10Source,
): Promise<DataDescription[]> {
  check(existsSync(folder), `The data folder ${folder} does not exist`);
  const inside = (await foldersIn(folder)).map((name) => join(folder, name));
  const descriptions: DataDescription[] = [];
  const seen = new Set<string>();
  for (const place of [folder, ...inside]) {
    for (const found of await findIn(place)) {
      const key = `${found.format} ${found.folder}`;
      if (!seen.has(key)) descriptions.push(await describe(found, source));
      seen.add(key);
    }
  }
  return descriptions;
}

async function describe(found: Found, source: Cifar10Source): Promise<DataDescription> {
  const problems: string[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> =>
    work().catch((error: unknown) => {
      problems.push(errorMessage(error));
      return undefined;
    });
  const all = async (
    work: (split: Split) => Promise<SplitDescription | undefined>,
  ): Promise<SplitDescription[]> => {
    const described: SplitDescription[] = [];
    for (const split of ['train', 'test'] as const) {
      const one = await attempt(() => work(split));
      if (one) described.push(one);
    }
    return described;
  };
  const describedAs = (content: string, splits: SplitDescription[]): DataDescription => ({
    format: found.format,
    folder: found.folder,
    content,
    splits,
    problems,
  });
  switch (found.format) {
    case 'binary':
      return describedAs(
        'CIFAR-10, original pixels',
        await all((split) => describeBinary(found.folder, split, source)),
      );
    case 'archive':
      await attempt(() => checkMd5(found.path, source.md5, source.url));
      return describedAs('CIFAR-10, original archive', []);
    case 'parquet': {
      const first = found.files.train ?? found.files.test!;
      const content = (await attempt(() => parquetContent(first))) ?? 'unknown';
      return describedAs(content, await all((split) => describeParquet(found.files[split], split)));
    }
    case 'folders': {
      const classes = await classFolders(found.splits);
      return describedAs(
        `photographs in ${classes.length} class folders`,
        await all((split) => describeFolders(found.splits[split], split, classes)),
      );
    }
    default:
      return found satisfies never;
  }
}

async function describeBinary(
  folder: string,
  split: Split,
  source: Cifar10Source,
): Promise<SplitDescription> {
  const paths = binaryFiles(split).map((name) => join(folder, name));
  const expected = source.imagesPerFile * RECORD;
  for (const path of paths) {
    const size = (await stat(path).catch(() => undefined))?.size;
    check(size === expected, `${path}: expected ${expected} bytes, found ${size ?? 'no file'}`);
  }
  const checksum = await checksumOf(paths);
  const images = paths.length * source.imagesPerFile;
  return { split, images, classes: 10, files: paths.length, bytes: expected * paths.length, checksum };
}

async function parquetContent(paths: readonly string[]): Promise<string> {
  const images = await openParquet(paths);
  const first = await images.read(0);
  const { width, height } = await imageSize(first, images.where(0));
  const classes = countClasses(images.labels);
  const format = isJpeg(first) ? 'JPEG' : 'PNG or another format';
  const size = Math.max(width, height) > 96 ? 'photographs' : `${width}×${height}`;
  const name = classes <= 10 && width === 32 && height === 32 ? 'CIFAR-10' : 'ImageNet or a subset';
  return `${name}: ${size}, ${format}`;
}

async function describeParquet(
  paths: readonly string[] | undefined,
  split: Split,
): Promise<SplitDescription | undefined> {
  if (!paths) return undefined;
  checkShards(paths);
  const images = await openParquet(paths);
  let bytes = 0;
  for (const path of paths) bytes += (await stat(path)).size;
  return {
    split,
    images: images.size,
    classes: countClasses(images.labels),
    files: paths.length,
    bytes,
    checksum: await (bytes > largestCache ? listingChecksum(paths) : checksumOf(paths)),
  };
}

async function describeFolders(
  folder: string | undefined,
  split: Split,
  classes: readonly string[],
): Promise<SplitDescription | undefined> {
  if (folder === undefined) return undefined;
  const images = await openFolders(folder, classes);
  let bytes = 0;
  for (let row = 0; row < images.size; row++) bytes += (await stat(images.where(row))).size;
  const { size, labels, checksum } = images;
  return { split, images: size, classes: countClasses(labels), files: size, bytes, checksum };
}

const countClasses = (labels: Int32Array): number => new Set(labels).size;
