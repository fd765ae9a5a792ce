/**
 * Weight quantizers that take the place of k-means in fine-tuning, as values: published ones, and your own.
 */
import { check } from 'oabn-base';
import { type ApotQuantizer, apotTraining, normalizeApot } from './apot.js';
import { type DkmQuantizer, dkmTraining, normalizeDkm } from './dkm.js';
import { normalizeOwnQuantizer, type OwnQuantizer, ownTraining } from './own.js';
import type { Granularity } from '../scheme.js';
import type { WeightTraining } from './weightTraining.js';

/** A weight quantizer that replaces k-means: your own, DKM or APoT. */
export type WeightQuantizer = OwnQuantizer | DkmQuantizer | ApotQuantizer;

/** Its name in tables. */
export function quantizerName(quantizer: WeightQuantizer): string {
  if (!('method' in quantizer)) return quantizer.name;
  return { dkm: 'DKM', apot: 'APoT' }[quantizer.method];
}

/** The canonical form. @throws UserError when it is no quantizer, or an option is out of range */
export function normalizeQuantizer(quantizer: WeightQuantizer): WeightQuantizer {
  const isRecord = typeof quantizer === 'object' && quantizer !== null;
  if (!isRecord || !('method' in quantizer)) return normalizeOwnQuantizer(quantizer as OwnQuantizer);
  switch (quantizer.method) {
    case 'dkm':
      return normalizeDkm(quantizer);
    case 'apot':
      return normalizeApot(quantizer);
    default:
      quantizer satisfies never;
      check(
        false,
        () =>
          `quantizer.method must be "dkm" or "apot", got ${JSON.stringify((quantizer as { method: unknown }).method)}`,
      );
      return quantizer;
  }
}

/** The quantizer in training, b = `bits`, for a layer. @throws UserError for any other granularity */
export function quantizerTraining(
  bits: number,
  granularity: Granularity,
  quantizer: WeightQuantizer,
): WeightTraining {
  check(
    granularity === 'perTensor',
    () =>
      `«${quantizerName(quantizer)}» quantizes a layer as a whole; leave out granularity ${JSON.stringify(granularity)}`,
  );
  if (!('method' in quantizer)) return ownTraining(bits, quantizer);
  switch (quantizer.method) {
    case 'dkm':
      return dkmTraining(bits, quantizer);
    case 'apot':
      return apotTraining(bits, quantizer);
    default:
      return quantizer satisfies never;
  }
}
