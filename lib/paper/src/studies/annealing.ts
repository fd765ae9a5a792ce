/**
 * Four ways to low bit widths for a RepVGG that has been trained with plain BN: OABN added afterwards (s
 * annealed from its own largest ratio, `oabn anneal`), fine-tuning through the merge (RepQ, arXiv
 * 2311.05317), equalization with corrected biases (DFQ, arXiv 1906.04721), and nothing; compared with a
 * network that had OABN from the start. This is not a study, because the annealed network is a checkpoint
 * that must exist before the runs on it have a name.
 */
import { join } from 'node:path';
import {
  annealConfig,
  finetuneConfig,
  type NetworkSource,
  openCheckpoint,
  pretrainConfig,
  ptqConfig,
  type PtqConfig,
  run,
} from 'oabn/experiment';
import type { PaperLab } from '../profiles/index.js';

/** The ways to a network that copes with few bits. */
export const annealingWays = [
  'plain BN',
  'OABN from the start',
  'OABN annealed',
  'equalization (DFQ)',
  'through the merge (RepQ)',
] as const;
/** The name of a way. */
export type AnnealingWay = (typeof annealingWays)[number];

/** The accuracy that a way gives. */
export interface AnnealingPoint {
  /** The way. */
  readonly way: AnnealingWay;
  /** Seed of the network. */
  readonly seed: number;
  /** b of weights and activations. */
  readonly bits: number;
  /** In FP32, before quantization; in [0, 1]. */
  readonly fp32: number;
  /** After quantization; in [0, 1]. */
  readonly accuracy: number;
}

/** On which networks and bits the ways are compared. */
export interface AnnealingGrid {
  /** The s of OABN; default that of the profile's ablations. */
  readonly threshold?: number;
  /** Default 8, 6, 5 and 4. */
  readonly bits?: readonly number[];
  /** Default the profile's. */
  readonly seeds?: readonly number[];
  /** Epochs of annealing; default 3. */
  readonly epochs?: number;
}

/**
 * The rows; whatever the lab's store does not have is computed. Uniform quantization with one scale per layer
 * throughout.
 */
export async function compareAnnealing(lab: PaperLab, grid: AnnealingGrid = {}): Promise<AnnealingPoint[]> {
  const { threshold, seeds } = { ...lab.profile.ablation, ...grid };
  const { bits = [8, 6, 5, 4], epochs = 3 } = grid;
  const points: AnnealingPoint[] = [];
  for (const seed of seeds) {
    const plain = pretrainConfig(lab, { threshold: Infinity, seed });
    const limited = pretrainConfig(lab, { threshold, seed });
    const annealed = await annealedNetwork(lab, plain, { threshold, epochs, seed });
    const fp32 = {
      plain: (await run(lab, plain)).result.accuracy,
      limited: (await run(lab, limited)).result.accuracy,
    };
    const ptq = async (
      way: AnnealingWay,
      before: number,
      source: NetworkSource,
      method?: PtqConfig['method'],
    ): Promise<void> => {
      for (const b of bits) {
        const { result } = await run(lab, ptqConfig(lab, { source, bits: b, ...(method && { method }) }));
        points.push({ way, seed, bits: b, fp32: before, accuracy: result.accuracy });
      }
    };
    await ptq('plain BN', fp32.plain, plain);
    await ptq('OABN from the start', fp32.limited, limited);
    await ptq('OABN annealed', annealed.fp32, annealed.source);
    await ptq('equalization (DFQ)', fp32.plain, plain, 'dfq');
    for (const b of bits) {
      const config = finetuneConfig(lab, { source: plain, bits: b, weights: 'uniform', through: 'branches' });
      const { result } = await run(lab, config);
      points.push({
        ...{ way: 'through the merge (RepQ)', seed, bits: b, fp32: fp32.plain },
        accuracy: result.accuracy,
      });
    }
  }
  return points;
}

/** The network of `plain` with s annealed, as a checkpoint that runs can start from. */
async function annealedNetwork(
  lab: PaperLab,
  plain: NetworkSource,
  { threshold, epochs, seed }: { threshold: number; epochs: number; seed: number },
): Promise<{ source: NetworkSource; fp32: number }> {
  const usual = annealConfig(lab, { source: plain, threshold }).training;
  const training = { ...usual, seed, schedule: { ...usual.schedule, epochs } };
  const { folder, result } = await run(lab, annealConfig(lab, { source: plain, threshold, training }), {
    files: true,
  });
  return { source: await openCheckpoint(lab, join(folder, result.network)), fp32: result.accuracy };
}

/** One line for each way, one column for each number of bits: means over the seeds in percent. */
export function annealingTable(points: readonly AnnealingPoint[]): Record<string, string>[] {
  const percent = (values: readonly number[]): string =>
    ((100 * values.reduce((sum, value) => sum + value, 0)) / values.length).toFixed(1);
  const bits = [...new Set(points.map((point) => point.bits))];
  const there = annealingWays.filter((way) => points.some((point) => point.way === way));
  return there.map((way) => {
    const own = points.filter((point) => point.way === way);
    const columns = bits.map((b): [string, string] => [
      `${b} bits`,
      percent(own.filter((point) => point.bits === b).map(({ accuracy }) => accuracy)),
    ]);
    return { way, FP32: percent(own.map(({ fp32 }) => fp32)), ...Object.fromEntries(columns) };
  });
}
