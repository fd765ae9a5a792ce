/**
 * Photographs of any size, decoded as they are needed: ImageNet does not fit in memory. Many images are
 * decoded at the same time outside the JavaScript thread; their number is what bounds the memory.
 */
import pLimit from 'p-limit';
import { normalizationTable, normalize, augmentationOf, resizedCropBox, type Pixels } from './augment.js';
import { datasetOf, decidedFlip, renderPixels, type View } from './batches.js';
import type { Dataset, DatasetHead } from './dataset.js';
import { centerPlacement, decodeImage, decodersAtOnce } from './decode.js';
import type { EncodedImages } from './parquet.js';

/**
 * A `Dataset` of encoded images at `head.imageShape` (square). Training views take a random part
 * (`resizedCrop`); the plain view resizes the shorter side to 256/224 of the side and takes the middle.
 */
export function photographDataset(head: DatasetHead, images: EncodedImages): Dataset {
  const [side] = head.imageShape;
  const length = side * side * 3;
  const table = normalizationTable(head.mean, head.std);
  const inTurn = pLimit(decodersAtOnce);
  const render = async (row: number, view: View, out: Float32Array): Promise<void> => {
    const [bytes, where] = [await images.read(row), images.where(row)];
    if (view.augmentation === 'resizedCrop') {
      normalize(await decodePart(bytes, where, side, row, view), table, out);
    } else {
      renderPixels(await decodeImage(bytes, where, centerPlacement(side)), row, view, table, out);
    }
  };
  return datasetOf(
    head,
    async (rows, view, out) => {
      await Promise.all(
        Array.from(rows, (row, i) =>
          inTurn(() => render(row, view, out.subarray(i * length, (i + 1) * length))),
        ),
      );
    },
    images.blocks,
  );
}

/** A random part of an image, resized to `side`×`side` and mirrored in half the cases. */
function decodePart(
  bytes: Uint8Array,
  where: string,
  side: number,
  row: number,
  view: View,
): Promise<Pixels> {
  return decodeImage(bytes, where, (width, height) => {
    const draw = augmentationOf(view.seed, view.epoch, row);
    const box = resizedCropBox(width, height, draw);
    return { box, size: [side, side], flip: decidedFlip(view, row) ?? draw.integer(2) === 1 };
  });
}
