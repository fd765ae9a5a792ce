/**
 * Small images, decoded once. Decoding 60,000 JPEGs takes seconds, other formats a minute, and reading their pixels back a
 * fraction of a second, so the pixels of a Parquet split are kept as one safetensors file, named after the checksum of
 * what they were made from. The file carries a checksum of its own; when that does not match, the file is
 * made again.
 */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  errorMessage,
  fileDigest,
  type Progress,
  projectFolder,
  readSafetensors,
  sha256,
  UserError,
  writeSafetensors,
} from 'oabn-base';
import pLimit from 'p-limit';
import { decodeImage, decodersAtOnce, type Placement } from './decode.js';
import type { EncodedImages } from './parquet.js';

/** Decoded images of one size, with their labels and whatever else is known of them. */
export interface DecodedImages {
  /** `[size, side, side, 3]` */
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
  readonly side: number;
  /** True when the source's images are JPEG files. */
  readonly jpeg: boolean;
  readonly classes?: readonly string[];
}

/** What opening a set that is kept decoded needs besides its files. */
export interface CacheOptions {
  /** Folder for decoded pixels. */
  readonly cache: string;
  readonly progress: Progress;
  readonly warn: (message: string) => void;
}

/** Above this many bytes of pixels, images are decoded as they are needed instead. */
export const largestCache = 1.5e9;

/**
 * The folder for files that can be made again: `OABN_CACHE_DIR`, or `.cache/oabn` next to the nearest
 * package.json above the working folder (so notebooks and the command line share it).
 */
export function cacheFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  start = process.cwd(),
): string {
  return resolve(environment['OABN_CACHE_DIR'] || join(projectFolder(start), '.cache', 'oabn'));
}

/** `sha256:` of one file, or of the list of several files' names and digests. */
export async function checksumOf(paths: readonly string[]): Promise<string> {
  const digests: string[] = [];
  for (const path of paths) digests.push(await fileDigest(path));
  if (digests.length === 1) return `sha256:${digests[0]!}`;
  return `sha256:${sha256(paths.map((path, i) => `${digests[i]!}  ${basename(path)}\n`).join(''))}`;
}

/** `listing-sha256:` of names and sizes, for data that would take minutes to hash. */
export async function listingChecksum(paths: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const path of paths) lines.push(`${(await stat(path)).size}  ${basename(path)}\n`);
  return `listing-sha256:${sha256(lines.join(''))}`;
}

/**
 * The decoded images at `path` if they are there, whole, and made from `source`; a damaged file is reported
 * to `warn`.
 */
export async function readDecoded(
  path: string,
  source: string,
  warn: (message: string) => void,
): Promise<DecodedImages | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    const { tensors, metadata } = await readSafetensors(path);
    const [pixels, labels] = [tensors['pixels']?.data, tensors['labels']?.data];
    const side = tensors['pixels']?.shape[1];
    if (!(pixels instanceof Uint8Array) || !(labels instanceof Int32Array) || side === undefined) {
      throw new Error('it holds no pixels and labels');
    }
    if (metadata['source'] !== source)
      throw new Error(`it was made from ${metadata['source'] ?? 'something else'}`);
    if (metadata['content'] !== contentOf(pixels, labels))
      throw new Error('its checksum does not fit its content');
    const classes =
      metadata['classes'] === undefined ? undefined : (JSON.parse(metadata['classes']) as string[]);
    return { pixels, labels, side, jpeg: metadata['jpeg'] === 'true', ...(classes && { classes }) };
  } catch (error) {
    warn(`The cache file ${path} is damaged and is made again: ${errorMessage(error)}`);
    return undefined;
  }
}

/**
 * Writes decoded images so that `readDecoded` finds them. @throws UserError when the folder cannot be
 * written.
 */
export async function writeDecoded(path: string, source: string, decoded: DecodedImages): Promise<void> {
  const { pixels, labels, side, jpeg, classes } = decoded;
  try {
    await writeSafetensors(
      path,
      {
        pixels: { shape: [labels.length, side, side, 3], data: pixels },
        labels: { shape: [labels.length], data: labels },
      },
      {
        source,
        content: contentOf(pixels, labels),
        jpeg: String(jpeg),
        ...(classes && { classes: JSON.stringify(classes) }),
      },
    );
  } catch (error) {
    throw new UserError(
      `Cannot write the cache file ${path}: ${errorMessage(error)}. Free some space, or name another folder with OABN_CACHE_DIR.`,
    );
  }
}

/**
 * Decodes all images of a set to `side`×`side`.
 * @throws UserError naming the row of an unreadable image, or of one of another size where no placement is
 * given
 */
export async function decodeAll(
  images: EncodedImages,
  side: number,
  place: ((width: number, height: number) => Placement) | undefined,
  task: string,
  progress: Progress,
): Promise<Uint8Array> {
  const length = side * side * 3;
  const pixels = new Uint8Array(images.size * length);
  const inTurn = pLimit(decodersAtOnce);
  let done = 0;
  let failed = false;
  const decode = async (row: number): Promise<void> => {
    if (failed) return;
    const where = images.where(row);
    const { data, width, height } = await decodeImage(await images.read(row), where, place);
    if (width !== side || height !== side) {
      throw new UserError(`${where}: expected an image of ${side}×${side} pixels, found ${width}×${height}`);
    }
    pixels.set(data, row * length);
    if (++done % 500 === 0 || done === images.size) progress({ task, done, total: images.size });
  };
  // In pieces, so that no more than a piece's worth of promises and of row groups is alive.
  for (let start = 0; start < images.size; start += 1000) {
    const rows = Array.from({ length: Math.min(1000, images.size - start) }, (_, i) => start + i);
    await Promise.all(rows.map((row) => inTurn(() => decode(row)))).catch((error: unknown) => {
      failed = true;
      throw error;
    });
  }
  return pixels;
}

function contentOf(pixels: Uint8Array, labels: Int32Array): string {
  return sha256(
    `${sha256(pixels)} ${sha256(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength))}`,
  );
}
