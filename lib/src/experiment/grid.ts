/**
 * The grid of the main job: every s and seed is trained once, and everything else starts from those networks.
 * Notebooks ask for the parts that they show; the store answers for what is there already.
 */
import { canonicalJson } from '../base/index.js';
import type { WeightMethod } from '../quantize/index.js';
import type { ThresholdPoint } from './claims/index.js';
import type { RunConfig } from './config.js';
import { finetuneConfig, type Lab, pretrainConfig, ptqConfig } from './lab.js';
import type { QuantizedResult } from './results.js';
import { run } from './run.js';

/** Which part of the profile's grid; default all of it. */
export interface GridOptions {
  readonly thresholds?: readonly number[];
  readonly lowBitThresholds?: readonly number[];
  readonly seeds?: readonly number[];
  /** Of the low-bit table: PTQ and both kinds of fine-tuning. */
  readonly bits?: readonly number[];
  /** Of the sweep over s, where only PTQ is needed. */
  readonly ptqBits?: readonly number[];
}

/** How weights reach low bits: without training, or by fine-tuning with uniform or clustered weights. */
export type LowBitMethod = 'ptq' | 'uniformQat' | 'clusterQat';
export const lowBitMethods = ['ptq', 'uniformQat', 'clusterQat'] as const satisfies readonly LowBitMethod[];

export const methodTitles: Readonly<Record<LowBitMethod, string>> = {
  ptq: 'uniform PTQ',
  uniformQat: 'uniform QAT',
  clusterQat: 'ClusterQAT',
};

/** One cell of the low-bit table. */
export interface LowBitPoint {
  readonly threshold: number;
  readonly seed: number;
  readonly bits: number;
  readonly method: LowBitMethod;
  readonly accuracy: number;
  readonly images: number;
  readonly stateSize: number;
}

const fineTunedWeights: Readonly<Record<Exclude<LowBitMethod, 'ptq'>, WeightMethod>> = {
  uniformQat: 'uniform',
  clusterQat: 'kmeans',
};

/** FP32 and uniform-PTQ accuracy over s (paper, figure 7). */
export async function thresholdSweep(lab: Lab, options: GridOptions = {}): Promise<ThresholdPoint[]> {
  const { thresholds, seeds, ptqBits } = gridOf(lab, options);
  const points: ThresholdPoint[] = [];
  for (const seed of seeds) {
    for (const threshold of thresholds) {
      const source = pretrainConfig(lab, { threshold, seed });
      const { accuracy, images } = (await run(source, lab)).result;
      const quantized: Record<number, number> = {};
      for (const b of ptqBits) quantized[b] = (await run(ptqConfig(lab, source, b), lab)).result.accuracy;
      points.push({ threshold, seed, fp32: accuracy, quantized, images });
    }
  }
  return points;
}

/** Accuracy and state size by bits, s and method (paper, tables 5 and 6 and figure 8). */
export async function lowBitSweep(
  lab: Lab,
  methods: readonly LowBitMethod[] = lowBitMethods,
  options: GridOptions = {},
): Promise<LowBitPoint[]> {
  const { lowBitThresholds, seeds, bits } = gridOf(lab, options);
  const points: LowBitPoint[] = [];
  for (const seed of seeds) {
    for (const threshold of lowBitThresholds) {
      for (const b of bits) {
        for (const method of methods) {
          const stored = await run(lowBitConfig(lab, { threshold, seed, bits: b, method }), lab);
          const { accuracy, images, stateSize } = stored.result as QuantizedResult;
          points.push({ threshold, seed, bits: b, method, accuracy, images, stateSize });
        }
      }
    }
  }
  return points;
}

/** The configuration behind one cell of the low-bit table. */
export function lowBitConfig(
  lab: Lab,
  cell: Pick<LowBitPoint, 'threshold' | 'seed' | 'bits' | 'method'>,
): Exclude<RunConfig, { kind: 'pretrain' }> {
  const source = pretrainConfig(lab, cell);
  return cell.method === 'ptq'
    ? ptqConfig(lab, source, cell.bits)
    : finetuneConfig(lab, source, cell.bits, fineTunedWeights[cell.method]);
}

/** Every run of the grid, networks first, each once. */
export function gridConfigs(lab: Lab, options: GridOptions = {}): RunConfig[] {
  const { thresholds, lowBitThresholds, seeds, bits, ptqBits } = gridOf(lab, options);
  const cellsOf = (grid: readonly number[]) =>
    seeds.flatMap((seed) => grid.map((threshold) => ({ seed, threshold })));
  const cells = cellsOf(thresholds);
  const lowBitCells = cellsOf(lowBitThresholds);
  const networks = cells.map((cell) => pretrainConfig(lab, cell));
  // Cells that differ in the network alone stand together, for they share a compiled step.
  const quantized = lowBitMethods.flatMap((method) =>
    bits.flatMap((b) => lowBitCells.map((cell) => lowBitConfig(lab, { ...cell, bits: b, method }))),
  );
  const swept = cells.flatMap((cell) =>
    ptqBits.map((b) => lowBitConfig(lab, { ...cell, bits: b, method: 'ptq' })),
  );
  const byName = new Map<string, RunConfig>(
    [...networks, ...swept, ...quantized].map((config) => [canonicalJson(config), config]),
  );
  return [...byName.values()];
}

function gridOf({ profile }: Lab, options: GridOptions): Required<GridOptions> {
  const { thresholds, lowBitThresholds, seeds, bits, ptqBits } = profile;
  return { thresholds, lowBitThresholds, seeds, bits, ptqBits, ...options };
}
