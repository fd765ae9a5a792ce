/**
 * Ranges of least error: how far a quantizer should reach when clipping a few large values costs less than coarse levels
 * for all others. The reach is searched over shares 1, 0.99, … 0.21 of the largest value, as BRECQ's authors do, for the
 * least Σ|x − x̂|ᵖ (Lp norms: LAPQ, arXiv 1911.07190).
 */
import { symmetricLevels } from '../../uniform.js';

const shares = Array.from({ length: 80 }, (_, i) => 1 - i / 100);

/** The scale S of symmetric b-bit weights with the least squared error; all-zero weights get 1. */
export function weightScale(weights: Float32Array, bits: number): number {
  const levels = symmetricLevels(bits);
  const reach = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  if (reach === 0) return 1;
  return (
    least(shares, (share) => {
      const scale = (reach * share) / levels;
      let error = 0;
      for (const weight of weights) {
        const level = Math.min(levels, Math.max(-levels, Math.round(weight / scale)));
        error += (weight - level * scale) ** 2;
      }
      return error;
    }) *
    (reach / levels)
  );
}

/** How often values ≥ 0 fall into equal bins from 0 to the largest. */
export interface Histogram {
  readonly counts: Float64Array;
  readonly largest: number;
}

/** The histogram of activations after ReLU. */
export function histogramOf(values: Float32Array, bins = 4096): Histogram {
  const largest = values.reduce((most, x) => Math.max(most, x), 0);
  const counts = new Float64Array(bins);
  const perUnit = largest > 0 ? bins / largest : 0;
  for (const x of values) counts[Math.min(bins - 1, Math.floor(Math.max(0, x) * perUnit))]!++;
  return { counts, largest };
}

/** The largest value that b-bit levels from 0 should reach, for the least Σ|x − x̂|ᵖ; 0 if all values are 0. */
export function activationReach({ counts, largest }: Histogram, bits: number, p: number): number {
  const levels = 2 ** bits - 1;
  const width = largest / counts.length;
  return (
    largest *
    least(shares, (share) => {
      const scale = (largest * share) / levels;
      let error = 0;
      counts.forEach((count, bin) => {
        // Zeros are exact in every quantizer; the first bin holds little else after ReLU.
        if (count === 0 || bin === 0) return;
        const x = (bin + 0.5) * width;
        const level = Math.min(levels, Math.round(x / scale));
        error += count * Math.abs(x - level * scale) ** p;
      });
      return error;
    })
  );
}

/** The candidate of least cost; the first of equal ones. */
function least(candidates: readonly number[], cost: (candidate: number) => number): number {
  let [best, lowest] = [candidates[0]!, Infinity];
  for (const candidate of candidates) {
    const value = cost(candidate);
    if (value < lowest) [best, lowest] = [candidate, value];
  }
  return best;
}
