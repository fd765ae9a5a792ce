/** Which part of a profile's grid a study is to cover; what is left out is the profile's. */
import type { PaperLab } from '../profiles/index.js';

export interface GridOptions {
  readonly thresholds?: readonly number[];
  readonly lowBitThresholds?: readonly number[];
  readonly seeds?: readonly number[];
  /** Of the low-bit tables: PTQ and both kinds of fine-tuning. */
  readonly bits?: readonly number[];
  /** Of the sweep over s, where only PTQ is needed. */
  readonly ptqBits?: readonly number[];
  /** Of table 3. */
  readonly tableThresholds?: readonly number[];
  readonly tableBits?: readonly number[];
  readonly tableSeeds?: readonly number[];
}

export function gridOf({ profile }: Pick<PaperLab, 'profile'>, options: GridOptions): Required<GridOptions> {
  const { thresholds, lowBitThresholds, seeds, bits, ptqBits, tableThresholds, tableBits, tableSeeds } =
    profile;
  const whole = {
    thresholds,
    lowBitThresholds,
    seeds,
    bits,
    ptqBits,
    tableThresholds,
    tableBits,
    tableSeeds,
  };
  return { ...whole, ...options };
}

/** Every pair of a seed and one of `thresholds`, seed by seed. */
export function cellsOf(
  seeds: readonly number[],
  thresholds: readonly number[],
): { seed: number; threshold: number }[] {
  return seeds.flatMap((seed) => thresholds.map((threshold) => ({ seed, threshold })));
}
