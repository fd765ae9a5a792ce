/** Tables 5 and 6 and figure 8: accuracy and state size by bits, s and method. */
import type { PaperLab } from '../profiles/index.js';
import type { WeightMethod } from 'oabn/quantize';
import type { LowBitMethod, LowBitPoint } from '../claims/index.js';
import {
  finetuneConfig,
  pretrainConfig,
  ptqConfig,
  type QuantizedResult,
  run,
  type RunConfig,
} from 'oabn/experiment';
import { cellsOf, type GridOptions, gridOf } from './options.js';

export const lowBitMethods = ['ptq', 'uniformQat', 'clusterQat'] as const satisfies readonly LowBitMethod[];

export const methodTitles: Readonly<Record<LowBitMethod, string>> = {
  ptq: 'uniform PTQ',
  uniformQat: 'uniform QAT',
  clusterQat: 'ClusterQAT',
};

const fineTunedWeights: Readonly<Record<Exclude<LowBitMethod, 'ptq'>, WeightMethod>> = {
  uniformQat: 'uniform',
  clusterQat: 'kmeans',
};

/** The cells of the low-bit tables, by running what the store does not have. */
export async function lowBitSweep(
  lab: PaperLab,
  methods: readonly LowBitMethod[] = lowBitMethods,
  options: GridOptions = {},
): Promise<LowBitPoint[]> {
  const { lowBitThresholds, seeds, bits } = gridOf(lab, options);
  const points: LowBitPoint[] = [];
  for (const cell of cellsOf(seeds, lowBitThresholds)) {
    const fp32 = (await run(pretrainConfig(lab, cell), lab)).result.accuracy;
    for (const b of bits) {
      for (const method of methods) {
        const stored = await run(lowBitConfig(lab, { ...cell, bits: b, method }), lab);
        const { accuracy, images, stateSize } = stored.result as QuantizedResult;
        points.push({ ...cell, bits: b, method, accuracy, fp32, images, stateSize });
      }
    }
  }
  return points;
}

/** The configuration behind one cell of the low-bit tables. */
export function lowBitConfig(
  lab: PaperLab,
  cell: Pick<LowBitPoint, 'threshold' | 'seed' | 'bits' | 'method'>,
): Exclude<RunConfig, { kind: 'pretrain' }> {
  const source = pretrainConfig(lab, cell);
  return cell.method === 'ptq'
    ? ptqConfig(lab, source, cell.bits)
    : finetuneConfig(lab, source, cell.bits, fineTunedWeights[cell.method]);
}

/** The runs behind `lowBitSweep`, but the networks; cells that share a compiled step stand together. */
export function lowBitConfigs(lab: PaperLab, options: GridOptions = {}): RunConfig[] {
  const { lowBitThresholds, seeds, bits } = gridOf(lab, options);
  const cells = cellsOf(seeds, lowBitThresholds);
  return lowBitMethods.flatMap((method) =>
    bits.flatMap((b) => cells.map((cell) => lowBitConfig(lab, { ...cell, bits: b, method }))),
  );
}
