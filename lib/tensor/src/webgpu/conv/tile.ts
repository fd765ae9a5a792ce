/**
 * How a product [m,k]·[k,n] is cut: into blocks that a workgroup computes, those into pieces that a thread
 * keeps in registers, and, where m·n is too small to fill a GPU, along k into splits that are added up in a
 * second pass.
 *
 * The rule: of the candidates that fit the device, the one with the least estimated time
 *
 *     ⌈blocks · splits / units⌉ · tile.m · tile.n · (k / splits) · (1 + 2 (1/rows + 1/columns))
 *
 * The first factor counts rounds of workgroups on a GPU of `units` multiprocessors, and so penalizes blocks
 * that extend beyond the matrix and too few blocks; the last one is the traffic of workgroup memory: a thread
 * with rows × columns sums reads rows + columns numbers for rows · columns products. Splits cost a pass over
 * their sums.
 *
 * Matrix units multiply faster than numbers get to them, so what counts there is what a block stages and writes:
 *
 *     ⌈blocks · splits / units⌉ · ((tile.m + tile.n) · (k / splits) + 3.3 · tile.m · tile.n)
 *
 * Its constants were fitted to 160 kernels on an H100 (3×3 and 1×1 convolutions of 192 channels, both gradients,
 * 40 tiles each): off by 27% on average, and what it chooses is the fastest or within 21% of it.
 */
import { check } from 'oabn-base';
import type { GpuFeatures, SubgroupMatrix } from '../program.js';

/** How large a piece of a product one workgroup computes. */
export interface Tile {
  /** Rows and columns of the result that a workgroup computes. */
  readonly m: number;
  readonly n: number;
  /** Terms that are staged in workgroup memory at once; a multiple of 4. */
  readonly k: number;
  /** Rows and columns that a thread computes; with matrix units, that a subgroup computes. */
  readonly each: readonly [number, number];
}

/** A tile, the number of splits along k, and 2 or 1 buffers in workgroup memory. */
export interface Cut {
  readonly tile: Tile;
  readonly splits: number;
  /** Steps of `tile.k` terms in a split. */
  readonly steps: number;
  readonly buffers: 1 | 2;
}

/** What the choice depends on. */
export interface Extent {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Products side by side, such as the batch of a matrix product. */
  readonly groups: number;
}

/** Bytes of workgroup memory for a tile with 1 or 2 buffers. */
export type StorageOf = (tile: Tile, buffers: 1 | 2) => number;

/** Multiprocessors of a large card; WebGPU does not say. */
const units = 128;
/** A split has at least this many terms, or adding it up costs more than it saves. */
const shortestSplit = 256;
const mostSplits = 64;
/** No more than this for the sums of the splits. */
const scratchBytes = 2 ** 28;

/** Rows and columns of a tile, and those that a thread or a subgroup computes of it. */
type Block = readonly [m: number, n: number, rows: number, columns: number];

const tilesOf = (blocks: readonly Block[], depths: readonly number[]): Tile[] =>
  blocks.flatMap(([m, n, ...each]) => depths.map((k) => ({ m, n, k, each })));

/** Candidates for threads that multiply and add by themselves. */
export const fmaTiles: readonly Tile[] = tilesOf(
  [
    [128, 128, 8, 8],
    [128, 96, 8, 8],
    [128, 64, 8, 8],
    [64, 128, 8, 8],
    [64, 96, 4, 8],
    [64, 64, 8, 4],
    [128, 48, 8, 4],
    [64, 48, 4, 4],
    [128, 32, 8, 4],
    [64, 32, 4, 4],
    [128, 16, 8, 4],
    [64, 16, 4, 4],
    [32, 128, 4, 8],
    [32, 64, 4, 4],
    [32, 32, 4, 4],
  ],
  [16, 8],
);

/** Blocks for matrix units, of up to twelve 16×16 matrices a subgroup. */
const unitBlocks: readonly Block[] = [
  [128, 192, 64, 48],
  [256, 96, 64, 48],
  [128, 128, 64, 32],
  [256, 64, 64, 32],
  [128, 96, 64, 48],
  [128, 96, 32, 48],
  [64, 192, 32, 48],
  [128, 64, 64, 32],
  [128, 64, 32, 32],
  [64, 128, 32, 32],
  [64, 96, 32, 48],
  [64, 64, 32, 32],
  [64, 64, 32, 16],
  [256, 48, 64, 48],
  [128, 48, 32, 48],
  [128, 32, 32, 32],
  [64, 32, 16, 32],
  [128, 16, 32, 16],
  [64, 16, 16, 16],
  [32, 32, 16, 16],
];

/** Candidates for matrix units of a shape: blocks of whole matrices. */
export const matrixTiles = ({ m, n, k }: SubgroupMatrix): Tile[] =>
  tilesOf(
    unitBlocks.filter(([, , rows, columns]) => rows % m === 0 && columns % n === 0),
    [32, 16].filter((depth) => depth % k === 0),
  );

/** Workgroup size of a tile, if each piece of it is computed by `lanes` threads. */
export const threadsOf = ({ m, n, each: [rows, columns] }: Tile, lanes = 1): number =>
  ((m / rows) * n * lanes) / columns;

/**
 * The cut of a product by the rule above.
 * @param asked a tile and a number of splits that replace those of the rule
 * @throws UserError for a tile that the device or the kernel cannot run
 */
export function chooseCut(
  extent: Extent,
  candidates: readonly Tile[],
  features: GpuFeatures,
  storageOf: StorageOf,
  lanes: number,
  asked: { readonly tile?: Tile; readonly splits?: number } = {},
): Cut {
  if (asked.tile) checkTile(asked.tile);
  const runs = (tile: Tile): boolean =>
    threadsOf(tile, lanes) <= features.maxInvocations && storageOf(tile, 1) <= features.maxWorkgroupStorage;
  const fitting = (asked.tile ? [asked.tile] : candidates).filter(runs);
  check(fitting.length > 0, () => {
    const what = asked.tile ? `The tile ${JSON.stringify(asked.tile)} does not fit` : 'No tile fits';
    const { maxInvocations, maxWorkgroupStorage } = features;
    return `${what} a device with ${maxInvocations} invocations and ${maxWorkgroupStorage} bytes of workgroup memory; ask for the adapter's limits, or a smaller tile`;
  });
  let best: { cut: Cut; time: number } | undefined;
  for (const tile of fitting) {
    const found = cutWith(tile, extent, features, storageOf, lanes, asked.splits);
    if (!best || found.time < best.time) best = found;
  }
  return best!.cut;
}

const blocksOf = (tile: Tile, { m, n, groups }: Extent): number =>
  Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * groups;

/**
 * The number of splits for a tile: as asked, or enough to fill the GPU twice; for matrix units, also once, or none,
 * if that is estimated to be faster.
 */
function cutWith(
  tile: Tile,
  extent: Extent,
  features: GpuFeatures,
  storageOf: StorageOf,
  lanes: number,
  asked: number | undefined,
): { cut: Cut; time: number } {
  const { m, n, k, groups } = extent;
  const room = Math.max(1, Math.floor(scratchBytes / (4 * m * n * groups)));
  const most = Math.min(mostSplits, Math.floor(k / shortestSplit), room);
  const filling = (rounds: number): number =>
    Math.max(1, Math.min(Math.floor((rounds * units) / blocksOf(tile, extent)), most));
  const allSteps = Math.max(1, Math.ceil(k / tile.k));
  const buffers = storageOf(tile, 2) <= features.maxWorkgroupStorage ? 2 : 1;
  const onUnits = lanes > 1;
  const wanted = onUnits ? [filling(2), filling(1), 1] : [filling(2)];
  const cuts = (asked === undefined ? wanted : [asked]).map((splits): Cut => {
    const steps = Math.ceil(allSteps / splits);
    return { tile, splits: Math.ceil(allSteps / steps), steps, buffers };
  });
  const timed = cuts.map((cut) => ({ cut, time: (onUnits ? staged : multiplied)(cut, extent) }));
  return timed.reduce((best, each) => (each.time < best.time ? each : best));
}

const roundsOf = ({ tile, splits }: Cut, extent: Extent): number =>
  Math.ceil((blocksOf(tile, extent) * splits) / units);

/** Numbers of partial sums that the second pass reads. */
const partialsOf = ({ splits }: Cut, { m, n, groups }: Extent): number =>
  splits > 1 ? splits * m * n * groups : 0;

/** The time of threads that multiply and add by themselves. */
function multiplied(cut: Cut, extent: Extent): number {
  const { tile, steps, buffers } = cut;
  const [rows, columns] = tile.each;
  const perTerm = tile.m * tile.n * (1 + 2 * (1 / rows + 1 / columns));
  // A step has a barrier or two; with longer steps there are fewer of them.
  const overhead = buffers === 2 ? 1 + 1 / tile.k : 1 + 4 / tile.k;
  return roundsOf(cut, extent) * perTerm * steps * tile.k * overhead + (8 * partialsOf(cut, extent)) / units;
}

/** The time of matrix units. */
function staged(cut: Cut, extent: Extent): number {
  const { tile, steps } = cut;
  const perStep = (tile.m + tile.n) * (tile.k + 2);
  return roundsOf(cut, extent) * (steps * perStep + 3.3 * tile.m * tile.n) + 0.11 * partialsOf(cut, extent);
}

function checkTile(tile: Tile): void {
  const { m, n, k, each } = tile;
  const whole = [m, n, k, ...each].every((size) => Number.isInteger(size) && size > 0 && size % 4 === 0);
  check(
    whole && m % each[0] === 0 && n % each[1] === 0,
    () => `A tile has multiples of 4, and m and n are multiples of each, got ${JSON.stringify(tile)}`,
  );
}
