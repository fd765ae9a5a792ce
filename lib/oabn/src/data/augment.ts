/**
 * From 8-bit pixels to the network's input in one pass: crop, flip and normalize. Normalizing is a table
 * lookup (256 values per channel), and padding is never built: a row or column outside the image is the
 * table's entry for black, as when torchvision pads before it normalizes. What happens to an image is drawn
 * from (seed, epoch, row), so no other image, batch or thread influences it.
 */
import { random, type Random } from 'oabn-base';
import type { AugmentOptions } from './dataset.js';

/** `[3][256]`, flat: the normalized value of each byte, per channel. */
export type NormalizationTable = Float32Array;

/** An image of 8-bit pixels, `[height, width, 3]`. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** A part of an image, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The random numbers that belong to one image in one epoch. */
export const augmentationOf = (seed: number, epoch: number, row: number): Random =>
  random(seed, 'augment', epoch, row);

export function normalizationTable(mean: readonly number[], std: readonly number[]): NormalizationTable {
  return Float32Array.from({ length: 768 }, (_, i) => {
    const channel = i >> 8;
    return ((i & 255) / 255 - mean[channel]!) / std[channel]!;
  });
}

/** Writes the image, normalized, to `out`. */
export function normalize({ data }: Pixels, table: NormalizationTable, out: Float32Array): void {
  for (let i = 0; i < data.length; i += 3) {
    out[i] = table[data[i]!]!;
    out[i + 1] = table[256 + data[i + 1]!]!;
    out[i + 2] = table[512 + data[i + 2]!]!;
  }
}

/**
 * Whether an image is mirrored in `epoch` where mirroring alternates: in every other epoch, from the first or
 * the second on, as a hash of (seed, row) decides. Source: Jordan, arXiv 2404.00498, section 3.6.
 */
export function alternatingFlip(seed: number, epoch: number, row: number): boolean {
  return (random(seed, 'flip', row).integer(2) + epoch) % 2 === 1;
}

/** Options of `padCrop`. */
export interface PadCropOptions extends Pick<AugmentOptions, 'translate' | 'padding'> {
  /** Whether to mirror the image; by default this is drawn at random. */
  readonly flip?: boolean;
}

/**
 * The usual CIFAR augmentation: the image, moved by up to an eighth of its side each way with black coming
 * in, and mirrored in half of the cases; normalized into `out`. Source: He et al. 2016, section 4.2 (pad 4,
 * crop 32, flip).
 */
export function padCrop(
  image: Pixels,
  draw: Random,
  table: NormalizationTable,
  out: Float32Array,
  options: PadCropOptions = {},
): void {
  const { data, height, width } = image;
  const { translate, padding = 'black' } = options;
  const [padY, padX] = translate === undefined ? [height >> 3, width >> 3] : [translate, translate];
  const dy = draw.integer(2 * padY + 1) - padY;
  const dx = draw.integer(2 * padX + 1) - padX;
  const { flip = draw.integer(2) === 1 } = options;
  const outside = padding === 'reflect' ? mirrored : nowhere;
  // Where each pixel of a row of the result is in a row of the image, in bytes.
  const offsets = new Int32Array(width);
  for (let x = 0; x < width; x++) offsets[x] = 3 * outside((flip ? width - 1 - x : x) + dx, width);
  const [red, green, blue] = [table[0]!, table[256]!, table[512]!];
  let o = 0;
  for (let y = 0; y < height; y++) {
    const row = outside(y + dy, height);
    const start = row * width * 3;
    for (let x = 0; x < width; x++, o += 3) {
      const offset = offsets[x]!;
      if ((row | offset) >= 0) {
        const s = start + offset;
        out[o] = table[data[s]!]!;
        out[o + 1] = table[256 + data[s + 1]!]!;
        out[o + 2] = table[512 + data[s + 2]!]!;
      } else {
        out[o] = red;
        out[o + 1] = green;
        out[o + 2] = blue;
      }
    }
  }
}

/** A position as it is inside 0…size−1, and −1 outside. */
const nowhere = (position: number, size: number): number =>
  position >= 0 && position < size ? position : -1;

/**
 * A position mirrored at the first and the last one, which are not repeated: PyTorch's padding mode
 * `reflect`.
 */
function mirrored(position: number, size: number): number {
  const period = Math.max(1, 2 * (size - 1));
  const folded = Math.abs(position) % period;
  return Math.min(folded, period - folded);
}

/**
 * The part of an image that the usual ImageNet augmentation keeps: 8 to 100% of the area, ratio of width to
 * height log-uniform in 3/4 … 4/3; after ten misses the centre. Source: Szegedy et al. 2015; torchvision
 * RandomResizedCrop.
 */
export function resizedCropBox(width: number, height: number, draw: Random): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * (0.08 + 0.92 * draw.uniform());
    const ratio = Math.exp(Math.log(3 / 4) + Math.log(16 / 9) * draw.uniform());
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      return { left: draw.integer(width - w + 1), top: draw.integer(height - h + 1), width: w, height: h };
    }
  }
  const w = Math.min(width, Math.round((height * 4) / 3));
  const h = Math.min(height, Math.round((width * 4) / 3));
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h };
}

/**
 * A box of a small image, enlarged back to the image's size by bilinear interpolation (pixel centres, edges
 * held), mirrored if `flip`, normalized into `out`. For boxes no larger than the image, so that nothing is
 * minified.
 */
export function enlargeBox(
  { data, height, width }: Pixels,
  box: Box,
  flip: boolean,
  table: NormalizationTable,
  out: Float32Array,
): void {
  const columns = interpolation(box.left, box.width, width);
  const rows = interpolation(box.top, box.height, height);
  const step = flip ? -3 : 3;
  for (let y = 0; y < height; y++) {
    const upper = rows.first[y]! * width;
    const lower = rows.second[y]! * width;
    const down = rows.weight[y]!;
    let o = (y * width + (flip ? width - 1 : 0)) * 3;
    for (let x = 0; x < width; x++, o += step) {
      const left = columns.first[x]!;
      const right = columns.second[x]!;
      const across = columns.weight[x]!;
      let a = (upper + left) * 3;
      let b = (upper + right) * 3;
      let c = (lower + left) * 3;
      let d = (lower + right) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const above = data[a]! + across * (data[b++]! - data[a++]!);
        const below = data[c]! + across * (data[d++]! - data[c++]!);
        out[o + channel] = table[channel * 256 + ((above + down * (below - above) + 0.5) | 0)]!;
      }
    }
  }
}

/**
 * For each of `size` output positions: the two source positions it lies between, and the weight of the
 * second.
 */
function interpolation(start: number, length: number, size: number) {
  const first = new Int32Array(size);
  const second = new Int32Array(size);
  const weight = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const position = Math.min(Math.max(((i + 0.5) * length) / size - 0.5, 0), length - 1);
    first[i] = start + Math.floor(position);
    second[i] = start + Math.min(Math.floor(position) + 1, length - 1);
    weight[i] = position - Math.floor(position);
  }
  return { first, second, weight };
}
