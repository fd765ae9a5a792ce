/**
 * The one way from a description and a renderer to a `Dataset`. A renderer turns rows into normalized images;
 * this file decides which rows, checks options, and makes batches ahead of the consumer.
 */
import { check } from 'oabn-base';
import {
  alternatingFlip,
  augmentationOf,
  enlargeBox,
  normalizationTable,
  normalize,
  padCrop,
  resizedCropBox,
  type NormalizationTable,
  type Pixels,
} from './augment.js';
import type { Augmentation, AugmentOptions, Batch, BatchOptions, Dataset, DatasetHead } from './dataset.js';
import { batchCount, checkCount, epochOrder } from './order.js';
import { prefetched } from './prefetch.js';

/** How the images of a batch are to look. */
export interface View {
  readonly augmentation: Augmentation;
  readonly options?: AugmentOptions;
  readonly seed: number;
  readonly epoch: number;
}

/** Writes the images of `rows`, normalized, one after the other into `out` (`[rows.length, H, W, 3]`). */
export type Render = (rows: Uint32Array, view: View, out: Float32Array) => void | Promise<void>;

const plain: View = { augmentation: 'none', seed: 0, epoch: 0 };

/**
 * A `Dataset` whose images `render` makes.
 * @param blocks first rows of the blocks within which reading is fast, if it matters (see `epochOrder`)
 */
export function datasetOf(head: DatasetHead, render: Render, blocks?: readonly number[]): Dataset {
  const [height, width, channels] = head.imageShape;
  const make = async (rows: Uint32Array, view: View, index: number): Promise<Batch> => {
    const images = new Float32Array(rows.length * height * width * channels);
    await render(rows, view, images);
    return {
      images,
      labels: Int32Array.from(rows, (row) => head.labels[row]!),
      size: rows.length,
      index,
      rows,
    };
  };
  return {
    ...head,
    take(rows) {
      for (const row of Array.from(rows)) {
        check(
          Number.isInteger(row) && row >= 0 && row < head.size,
          `${head.name} ${head.split} has no image ${row}: its images are 0 to ${head.size - 1}`,
        );
      }
      return make(Uint32Array.from(rows), plain, 0);
    },
    batches(options = {}) {
      const { batchSize = 128, seed = 0, epoch = 0, startBatch = 0, prefetch = 2, limit, skip = 0 } = options;
      checkCount('startBatch', startBatch, 0);
      checkCount('prefetch', prefetch, 0);
      if (limit !== undefined) checkCount('limit', limit, 1);
      checkCount('skip', skip, 0);
      check(skip < head.size, `skip must be less than the ${head.size} images of ${head.name}, got ${skip}`);
      const count = batchCount(head.size, options);
      const order = epochOrder(head.labels, options, blocks);
      const view = { ...augmentationIn(options, head), seed, epoch };
      return prefetched(startBatch, count, prefetch, (index) =>
        make(order.slice(index * batchSize, (index + 1) * batchSize), view, index),
      );
    },
  };
}

/** A `Dataset` of small images that are all in memory: `pixels` is `[size, H, W, 3]`. */
export function pixelDataset(head: DatasetHead, pixels: Uint8Array): Dataset {
  const [height, width] = head.imageShape;
  const length = height * width * 3;
  check(
    pixels.length === head.size * length && head.labels.length === head.size,
    () =>
      `${head.name}: ${head.size} images of ${height}×${width} need ${head.size * length} bytes of pixels and ` +
      `${head.size} labels, got ${pixels.length} and ${head.labels.length}`,
  );
  const table = normalizationTable(head.mean, head.std);
  return datasetOf(head, (rows, view, out) => {
    rows.forEach((row, i) => {
      const image = { data: pixels.subarray(row * length, (row + 1) * length), height, width };
      renderPixels(image, row, view, table, out.subarray(i * length, (i + 1) * length));
    });
  });
}

/** One image of the final size, varied as `view` says, normalized into `out`. */
export function renderPixels(
  image: Pixels,
  row: number,
  view: View,
  table: NormalizationTable,
  out: Float32Array,
): void {
  const { augmentation, options: { translate, padding } = {}, seed, epoch } = view;
  switch (augmentation) {
    case 'none':
      return normalize(image, table, out);
    case 'padCrop': {
      const flip = decidedFlip(view, row);
      return padCrop(image, augmentationOf(seed, epoch, row), table, out, {
        ...(translate !== undefined && { translate }),
        ...(padding !== undefined && { padding }),
        ...(flip !== undefined && { flip }),
      });
    }
    case 'resizedCrop': {
      const draw = augmentationOf(seed, epoch, row);
      const box = resizedCropBox(image.width, image.height, draw);
      return enlargeBox(image, box, decidedFlip(view, row) ?? draw.integer(2) === 1, table, out);
    }
    default:
      return augmentation satisfies never;
  }
}

/** Whether the image of `row` is mirrored, where that is not drawn with its other variations. */
export function decidedFlip({ options, seed, epoch }: View, row: number): boolean | undefined {
  return options?.flip === 'alternating' ? alternatingFlip(seed, epoch, row) : undefined;
}

/** Normalized images `[N, H, W, 3]` as bytes 0…255 again, for display. */
export function denormalize(
  { mean, std }: Pick<DatasetHead, 'mean' | 'std'>,
  images: Float32Array,
): Uint8ClampedArray {
  return Uint8ClampedArray.from(images, (value, i) => (value * std[i % 3]! + mean[i % 3]!) * 255);
}

function augmentationIn(
  { augment = false }: BatchOptions,
  { augmentation }: DatasetHead,
): Pick<View, 'augmentation' | 'options'> {
  if (augment === true) return { augmentation };
  if (augment === false) return { augmentation: 'none' };
  if (typeof augment === 'object') {
    const { translate, padding } = augment;
    check(
      augmentation === 'padCrop' || (translate === undefined && padding === undefined),
      `translate and padding are options of padCrop, and these images are varied by ${augmentation}: leave them out`,
    );
    return { augmentation, options: augment };
  }
  const known = ['none', 'padCrop', 'resizedCrop'] satisfies Augmentation[];
  check(
    known.includes(augment),
    `augment must be a boolean, options, or one of ${known.join(', ')}, got ${String(augment)}`,
  );
  return { augmentation: augment };
}
