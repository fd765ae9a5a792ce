/**
 * Which images, in which order: pure functions of sizes and seeds. An epoch's order is a permutation drawn
 * from (seed, epoch); a batch is a slice of it; so resuming is arithmetic, not replay.
 */
import { check, random } from 'oabn-base';
import type { Batch, BatchOptions, Dataset } from './dataset.js';

/**
 * Seed of the order that `limit` cuts: a constant, so that runs that differ in their seed see the same
 * images.
 */
const SUBSET_SEED = 0;

/** Images that are shuffled together when they lie in blocks: enough to mix, few enough to hold in memory. */
export const WINDOW = 2048;

/**
 * The first `n` rows of a class-balanced order: a round takes one random image of every class, then the next
 * round, so classes differ by at most one while all still have images, and a smaller subset is part of every
 * larger one.
 * @throws UserError when `n` is not a whole number between 1 and the number of labels.
 */
export function balancedSubset(labels: Int32Array, n: number, seed: number): Uint32Array {
  checkCount('The number of images', n, 1);
  check(
    n <= labels.length,
    `Cannot take ${n} images from a set of ${labels.length}: ask for at most that many.`,
  );
  const members = new Map<number, number[]>();
  labels.forEach((label, row) => (members.get(label) ?? members.set(label, []).get(label)!).push(row));
  const classes = [...members.keys()].sort((a, b) => a - b);
  const orders = classes.map((label) => {
    const rows = members.get(label)!;
    return Array.from(random(seed, 'subset', label).permutation(rows.length), (i) => rows[i]!);
  });
  const chosen = new Uint32Array(n);
  for (let count = 0, round = 0; count < n; round++) {
    for (const rows of orders) {
      const row = rows[round];
      if (row !== undefined && count < n) chosen[count++] = row;
    }
  }
  return chosen;
}

/**
 * The rows of one epoch in the order in which they are read.
 * @param blocks where reading is fast only within a block (a Parquet row group): the first row of each block.
 * Then whole blocks are shuffled, and rows within windows of blocks of about 2,048 images.
 */
export function epochOrder(
  labels: Int32Array,
  { seed = 0, epoch = 0, shuffle = false, limit, skip = 0 }: BatchOptions,
  blocks?: readonly number[],
): Uint32Array {
  checkCount('seed', seed, 0);
  checkCount('epoch', epoch, 0);
  const end = Math.min(labels.length, skip + (limit ?? labels.length));
  const rows =
    skip === 0 && end === labels.length
      ? Uint32Array.from(labels.keys())
      : balancedSubset(labels, end, SUBSET_SEED).slice(skip).sort();
  if (!shuffle) return rows;
  const generator = random(seed, 'shuffle', epoch);
  const permuted = (part: Uint32Array): Uint32Array =>
    generator.permutation(part.length).map((i) => part[i]!);
  if (blocks === undefined || labels.length <= WINDOW) return permuted(rows);
  const parts = splitAt(rows, blocks);
  const order = new Uint32Array(rows.length);
  let filled = 0;
  for (const window of windowsOf(Array.from(generator.permutation(parts.length), (i) => parts[i]!))) {
    order.set(permuted(window), filled);
    filled += window.length;
  }
  return order;
}

/** How many batches an epoch has with these options, counted from batch 0. */
export function batchCount(
  size: number,
  { batchSize = 128, limit, skip = 0, dropLast = false }: BatchOptions = {},
): number {
  checkCount('batchSize', batchSize, 1);
  const images = Math.min(size - skip, limit ?? size) / batchSize;
  return dropLast ? Math.floor(images) : Math.ceil(images);
}

/**
 * `n` images for calibrating quantizers, class-balanced, fixed by `seed`, not augmented, as one batch.
 * Draw from the training split, so that the test images stay unseen.
 */
export function takeCalibration(dataset: Dataset, n: number, seed = 0): Promise<Batch> {
  const { length } = dataset.labels;
  check(
    n <= length,
    `Cannot calibrate on ${n} images: there are only ${length}. Ask for at most that many: --calibration ${length}, in fine-tuning --set calibrationImages=${length}`,
  );
  return dataset.take(balancedSubset(dataset.labels, n, seed));
}

/** Throws unless `value` is a whole number of at least `least`. */
export function checkCount(name: string, value: number, least: number): void {
  check(
    Number.isSafeInteger(value) && value >= least,
    `${name} must be a whole number of at least ${least}, got ${value}`,
  );
}

/** Ascending `rows` cut at the block starts; blocks without a row are left out. */
function splitAt(rows: Uint32Array, blocks: readonly number[]): Uint32Array[] {
  const parts: Uint32Array[] = [];
  let begin = 0;
  for (let block = 0; block < blocks.length; block++) {
    const limit = blocks[block + 1] ?? Infinity;
    let end = begin;
    while (end < rows.length && rows[end]! < limit) end++;
    if (end > begin) parts.push(rows.subarray(begin, end));
    begin = end;
  }
  return parts;
}

/** Neighbouring parts joined until each window holds at least `WINDOW` rows (the last may hold fewer). */
function* windowsOf(parts: readonly Uint32Array[]): Generator<Uint32Array> {
  let window: number[] = [];
  for (const part of parts) {
    for (const row of part) window.push(row);
    if (window.length >= WINDOW) {
      yield Uint32Array.from(window);
      window = [];
    }
  }
  if (window.length > 0) yield Uint32Array.from(window);
}
