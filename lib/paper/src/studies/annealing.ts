/**
 * Ways to low bit widths for a RepVGG that has been trained with plain BN: OABN added afterwards (s annealed
 * from its own largest ratio, `oabn anneal`), KURE on its merged weights (arXiv 2002.07686, `oabn anneal
 * --penalty kure`), also after equalizing them, fine-tuning through the merge (RepQ, arXiv 2311.05317), equalization with corrected biases
 * (DFQ, arXiv 1906.04721), and nothing; compared with a network that had OABN from the start. This is not a
 * study, because an annealed network is a checkpoint that must exist before the runs on it have a name.
 */
import { join } from 'node:path';
import {
  annealConfig,
  type AnnealOf,
  finetuneConfig,
  type NetworkSource,
  openCheckpoint,
  pretrainConfig,
  ptqConfig,
  type PtqConfig,
  run,
} from 'oabn/experiment';
import { annealingPenalty } from 'oabn/train';
import type { PaperLab } from '../profiles/index.js';

/** The ways to a network that copes with few bits. */
export const annealingWays = [
  'plain BN',
  'OABN from the start',
  'OABN annealed',
  'KURE annealed',
  'KURE annealed, equalized',
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
  /** Default all. */
  readonly ways?: readonly AnnealingWay[];
  /** The s of OABN; default that of the profile's ablations. */
  readonly threshold?: number;
  /** Default 8, 6, 5 and 4. */
  readonly bits?: readonly number[];
  /** Default the profile's. */
  readonly seeds?: readonly number[];
  /** Of annealing and of fine-tuning through the merge alike; default 3. */
  readonly epochs?: number;
  /** The training images of each of these epochs; default all that pretraining had. */
  readonly images?: number;
  /** The bits to which the network is fine-tuned through the merge, each a training; default all. */
  readonly repqBits?: readonly number[];
}

/**
 * The rows; whatever the lab's store does not have is computed. Uniform quantization with one scale per layer
 * throughout.
 */
export async function compareAnnealing(lab: PaperLab, grid: AnnealingGrid = {}): Promise<AnnealingPoint[]> {
  const { threshold, seeds } = { ...lab.profile.ablation, ...grid };
  const { ways = annealingWays, bits = [8, 6, 5, 4], epochs = 3, repqBits = bits, images } = grid;
  const budget = { epochs, ...(images !== undefined && { images }) };
  const points: AnnealingPoint[] = [];
  for (const seed of seeds) {
    const plain = pretrainConfig(lab, { threshold: Infinity, seed });
    const fp32 = (await run(lab, plain)).result.accuracy;
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
    const anneal = async (
      way: AnnealingWay,
      to: Pick<AnnealOf, 'threshold' | 'regularizer' | 'equalize'>,
    ): Promise<void> => {
      if (!ways.includes(way)) return;
      const annealed = await annealedNetwork(lab, { source: plain, ...to }, { budget, seed });
      await ptq(way, annealed.fp32, annealed.source);
    };
    if (ways.includes('plain BN')) await ptq('plain BN', fp32, plain);
    if (ways.includes('OABN from the start')) {
      const limited = pretrainConfig(lab, { threshold, seed });
      await ptq('OABN from the start', (await run(lab, limited)).result.accuracy, limited);
    }
    await anneal('OABN annealed', { threshold });
    await anneal('KURE annealed', { regularizer: annealingPenalty('kure') });
    await anneal('KURE annealed, equalized', { regularizer: annealingPenalty('kure'), equalize: true });
    if (ways.includes('equalization (DFQ)')) await ptq('equalization (DFQ)', fp32, plain, 'dfq');
    for (const b of ways.includes('through the merge (RepQ)') ? repqBits : []) {
      const training = within(budget, lab.defaults.finetuning.uniform);
      const config = { source: plain, bits: b, weights: 'uniform', through: 'branches', training } as const;
      const { result } = await run(lab, finetuneConfig(lab, config));
      points.push({
        ...{ way: 'through the merge (RepQ)', seed, bits: b, fp32 },
        accuracy: result.accuracy,
      });
    }
  }
  return points;
}

/** What a fine-tuning may take. */
interface Budget {
  readonly epochs: number;
  readonly images?: number;
}

/** The settings of a training that keep it within the budget. */
function within<S extends { readonly epochs: number }>(
  { epochs, ...images }: Budget,
  { schedule }: { readonly schedule: S },
): { readonly images?: number; readonly schedule: S } {
  return { ...images, schedule: { ...schedule, epochs } };
}

/** A network annealed, as a checkpoint that runs can start from. */
async function annealedNetwork(
  lab: PaperLab,
  of: AnnealOf,
  { budget, seed }: { budget: Budget; seed: number },
): Promise<{ source: NetworkSource; fp32: number }> {
  const usual = annealConfig(lab, of).training;
  const training = { ...usual, ...within(budget, usual), seed };
  const { folder, result } = await run(lab, annealConfig(lab, { ...of, training }), { files: true });
  return { source: await openCheckpoint(lab, join(folder, result.network)), fp32: result.accuracy };
}

/**
 * One line for each way, one column for each number of bits: means over the seeds in percent, a dash where a
 * way was not measured.
 */
export function annealingTable(points: readonly AnnealingPoint[]): Record<string, string>[] {
  const percent = (values: readonly number[]): string =>
    ((100 * values.reduce((sum, value) => sum + value, 0)) / values.length).toFixed(1);
  const bits = [...new Set(points.map((point) => point.bits))];
  const there = annealingWays.filter((way) => points.some((point) => point.way === way));
  return there.map((way) => {
    const own = points.filter((point) => point.way === way);
    const columns = bits.map((b): [string, string] => {
      const measured = own.filter((point) => point.bits === b).map(({ accuracy }) => accuracy);
      return [`${b} bits`, measured.length > 0 ? percent(measured) : '–'];
    });
    return { way, FP32: percent(own.map(({ fp32 }) => fp32)), ...Object.fromEntries(columns) };
  });
}
