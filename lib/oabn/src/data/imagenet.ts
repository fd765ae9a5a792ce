/**
 * ImageNet and its subsets, from class folders or Parquet. Photographs are streamed: decoded when a batch
 * needs them. Small images (ImageNet 64×64, Tiny-ImageNet) are decoded once, cached, and then served from
 * memory like CIFAR.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { check, type Progress } from 'oabn-base';
import { pixelDataset } from './batches.js';
import {
  checksumOf,
  decodeAll,
  largestCache,
  listingChecksum,
  readDecoded,
  writeDecoded,
  type DecodedImages,
  type CacheOptions,
} from './cache.js';
import { imagenetStatistics, type Dataset, type DatasetHead, type Split } from './dataset.js';
import { centerPlacement, imageSize, isJpeg } from './decode.js';
import { classFolders, classNamesOf, openFolders, readWnids } from './folders.js';
import { checkShards, filesName, shortName, type Found } from './locate.js';
import { checkCount } from './order.js';
import { openParquet, type EncodedImages } from './parquet.js';
import { photographDataset } from './photographs.js';

/** Images no larger than this on both sides are small: they fit in memory and are decoded once. */
const SMALL = 96;

export interface ImagenetOptions extends CacheOptions {
  readonly name: string;
  readonly split: Split;
  /** Side of the images in pixels; default 224 for photographs, and their own size for small images. */
  readonly size?: number;
}

/**
 * ImageNet as it was found in a folder. @throws UserError when the split is missing or its files are not
 * whole.
 */
export async function openImagenet(
  found: Extract<Found, { format: 'parquet' | 'folders' }>,
  options: ImagenetOptions,
): Promise<Dataset> {
  if (options.size !== undefined) checkCount('The image size', options.size, 8);
  return found.format === 'folders' ? openFromFolders(found, options) : openFromParquet(found, options);
}

async function openFromFolders(
  { folder, splits }: Extract<Found, { format: 'folders' }>,
  { name, split, size = 224 }: ImagenetOptions,
): Promise<Dataset> {
  const place = splits[split];
  check(place !== undefined, `${folder} has no ${split} split; it has ${Object.keys(splits).join(', ')}`);
  const wnids = await classFolders(splits);
  const images = await openFolders(place, wnids);
  const classes = await classNamesOf(wnids, folder);
  const head = headOf(
    { name, split, classes, side: size, labels: images.labels },
    shortName(place),
    images.checksum,
  );
  return photographDataset(head, images);
}

async function openFromParquet(
  { folder, files }: Extract<Found, { format: 'parquet' }>,
  options: ImagenetOptions,
): Promise<Dataset> {
  const { name, split, cache, warn } = options;
  const paths = files[split];
  check(paths !== undefined, `${folder} has no ${split} split; it has ${Object.keys(files).join(', ')}`);
  checkShards(paths);
  const source = filesName(paths);
  const large = (await totalBytes(paths)) > largestCache;
  const checksum = large ? await listingChecksum(paths) : await checksumOf(paths);
  const cached = join(
    cache,
    `${name}-${split}-${options.size ?? 'own'}-${checksum.slice(-64, -48)}.safetensors`,
  );
  const known = large ? undefined : await readDecoded(cached, checksum, warn);
  if (known) return smallImages(known, known.classes!, options, source, checksum);

  const images = await openParquet(paths);
  const classes = await parquetClasses(folder, images, files);
  checkLabels(images, classes);
  const first = await images.read(0);
  const { width, height } = await imageSize(first, images.where(0));
  const side = options.size ?? (width === height && width <= SMALL ? width : 224);
  const small = Math.max(width, height) <= SMALL && images.size * side * side * 3 <= largestCache;
  if (!small) {
    const head = headOf({ name, split, classes, side, labels: images.labels }, source, checksum);
    return photographDataset(head, images);
  }
  const decoded = { labels: images.labels, side, jpeg: isJpeg(first), classes };
  const pixels = await decodeSmall(images, side, options);
  await writeDecoded(cached, checksum, { ...decoded, pixels });
  return smallImages({ ...decoded, pixels }, classes, options, source, checksum);
}

function decodeSmall(
  images: EncodedImages,
  side: number,
  { name, split, size, progress }: { name: string; split: Split; size?: number; progress: Progress },
): Promise<Uint8Array> {
  const place = size === undefined ? undefined : centerPlacement(side);
  return decodeAll(images, side, place, `decode ${name} ${split}`, progress);
}

function smallImages(
  { pixels, labels, side }: DecodedImages,
  classes: readonly string[],
  { name, split }: ImagenetOptions,
  source: string,
  checksum: string,
): Dataset {
  const head = headOf({ name, split, classes, side, labels }, source, checksum);
  return pixelDataset({ ...head, augmentation: 'padCrop' }, pixels);
}

/** Names in the order of the labels: from wnids.txt, from the files, or numbers up to the largest label. */
async function parquetClasses(
  folder: string,
  images: EncodedImages,
  files: Partial<Record<Split, readonly string[]>>,
): Promise<readonly string[]> {
  const wnids = await readWnids(folder);
  if (wnids) return classNamesOf(wnids, folder);
  if (images.classes) return images.classes;
  let largest = images.labels.reduce((a, b) => Math.max(a, b), 0);
  if (files.train)
    largest = (await openParquet(files.train)).labels.reduce((a, b) => Math.max(a, b), largest);
  return Array.from({ length: largest + 1 }, (_, label) => `class ${label}`);
}

function checkLabels({ labels, where }: EncodedImages, classes: readonly string[]): void {
  labels.forEach((label, row) => {
    check(
      label < classes.length,
      () => `${where(row)}: expected a label of 0 to ${classes.length - 1}, found ${label}`,
    );
  });
}

function headOf(
  known: Pick<DatasetHead, 'name' | 'split' | 'classes' | 'labels'> & { readonly side: number },
  source: string,
  checksum: string,
): DatasetHead {
  const { name, split, classes, labels, side } = known;
  // The subset that stands in for ImageNet-1k says so wherever its name shows.
  const title = name === 'imagenet50' ? 'ImageNet stand-in' : 'ImageNet';
  return {
    name,
    split,
    size: labels.length,
    classes,
    imageShape: [side, side, 3],
    ...imagenetStatistics,
    augmentation: 'resizedCrop',
    made: false,
    labels,
    provenance: {
      dataset: `${title}: ${classes.length} classes at ${side}×${side}`,
      source,
      checksum,
      note: '',
    },
  };
}

async function totalBytes(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) bytes += (await stat(path)).size;
  return bytes;
}
