/**
 * JPEG, PNG and WebP bytes to 8-bit sRGB pixels, by sharp (libvips), outside the JavaScript thread; small JPEG
 * images that stay as they are faster, by its decoder alone (smallJpeg.ts). Embedded colour profiles are applied, greyscale
 * gets three channels, CMYK becomes RGB, transparency and EXIF orientation are ignored, as torchvision ignores
 * them.
 */
import { availableParallelism } from 'node:os';
import { errorMessage, UserError } from 'oabn-base';
import type { Box, Pixels } from './augment.js';
import { decodeSmallJpeg } from './smallJpeg.js';

type Sharp = (typeof import('sharp'))['default'];

let library: Promise<Sharp> | undefined;

/** libvips, loaded with the first image: processes that read decoded images begin without it. */
const loadSharp = (): Promise<Sharp> =>
  (library ??= import('sharp').then(({ default: sharp }) => {
    // One thread per image: many images are decoded at the same time, and threads within each would only get
    // in the way.
    sharp.concurrency(1);
    return sharp;
  }));

/**
 * How many images to decode at the same time: sharp decodes on the threads of libuv's pool
 * (`UV_THREADPOOL_SIZE`, default 4).
 */
export const decodersAtOnce = Math.max(
  Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4,
  availableParallelism(),
);

/** How an image of known width and height is cut and resized. */
export interface Placement {
  /** The part to keep, in the image's pixels; all of it by default. */
  readonly box?: Box;
  /** The size to which that part is resized (bilinear, antialiased); its own by default. */
  readonly size?: readonly [width: number, height: number];
  /** The part of the resized image to keep. */
  readonly window?: Box;
  /** Mirror left and right. */
  readonly flip?: boolean;
}

/**
 * Decodes an image and places it.
 * @param where the image's name in errors, such as «train.parquet row 17»
 * @throws UserError when the bytes are not an image, or a truncated one
 */
export async function decodeImage(
  bytes: Uint8Array,
  where: string,
  place?: (width: number, height: number) => Placement,
): Promise<Pixels> {
  if (bytes.length === 0) throw unreadable(where, 'it has no bytes');
  const small = await decodeSmallJpeg(bytes, (width, height) => !place || isWhole(place(width, height)));
  if (small) return small;
  try {
    const sharp = await loadSharp();
    const image = sharp(bytes, { failOn: 'error' });
    if (place) {
      const { width, height } = await image.metadata();
      const { box, size, window, flip } = place(width, height);
      if (box) image.extract(box);
      if (size) image.resize(...size, { fit: 'fill', kernel: 'linear' });
      if (window) image.extract(window);
      if (flip) image.flop();
    }
    const { data, info } = await image
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data: info.channels === 3 ? data : threeChannels(data), width: info.width, height: info.height };
  } catch (error) {
    throw unreadable(where, decodingError(error));
  }
}

/** The width and height in an image's header. @throws UserError when it has none. */
export async function imageSize(
  bytes: Uint8Array,
  where: string,
): Promise<{ width: number; height: number }> {
  try {
    const sharp = await loadSharp();
    const { width, height } = await sharp(bytes).metadata();
    return { width, height };
  } catch (error) {
    throw unreadable(where, errorMessage(error));
  }
}

/** True for JPEG bytes (the marker FF D8 FF). */
export const isJpeg = (bytes: Uint8Array): boolean =>
  bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/**
 * The usual evaluation view: the shorter side resized to 256/224 of `size`, and the middle `size`×`size` cut
 * out. An image that has this size already stays as it is.
 */
export function centerPlacement(size: number): (width: number, height: number) => Placement {
  return (width, height) => {
    if (width === size && height === size) return {};
    const scale = Math.round((size * 256) / 224) / Math.min(width, height);
    const [w, h] = [Math.max(size, Math.round(width * scale)), Math.max(size, Math.round(height * scale))];
    return {
      size: [w, h],
      window: { left: (w - size) >> 1, top: (h - size) >> 1, width: size, height: size },
    };
  };
}

/**
 * libvips keeps its messages in one place for all threads, so that one image's can be lost when another
 * begins.
 */
function decodingError(error: unknown): string {
  const message = errorMessage(error);
  return message === 'Unknown error' ? 'its data are damaged or a premature end cuts them short' : message;
}

/** Whether an image stays as it is. */
const isWhole = ({ box, size, window, flip = false }: Placement): boolean =>
  !box && !size && !window && !flip;

function unreadable(where: string, why: string): UserError {
  return new UserError(
    `${where} is not a readable image: ${why}. Fetch the file again, or remove the image.`,
  );
}

function threeChannels(grey: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: grey.length * 3 }, (_, i) => grey[Math.floor(i / 3)]!);
}
