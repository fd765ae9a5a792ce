/**
 * The clipping that costs least: the step S of uniform levels S·quantMin … S·quantMax with the least squared
 * error. A larger step clips less and rounds more. The values are sorted once, after which the error of a
 * step is found in O(levels · log n) by the prefix sums of 1-D k-means.
 */
import { nearestTo } from './kmeans/lloyd.js';
import { type SortedSample, sortedSample } from './kmeans/segments.js';

/**
 * Steps tried: this many between 0 and the one that clips nothing, then as many between the best one's
 * neighbours.
 */
const candidates = 64;

/**
 * The step of least squared error over `values` [n ≥ 1], to about 1/2000 of the step that clips nothing, or 1
 * where all values are 0.
 * @param levels whole numbers: `quantMin` ≤ 0 < `quantMax`
 */
export function mseStep(
  values: Float32Array | SortedSample,
  levels: { readonly quantMin: number; readonly quantMax: number },
): number {
  const { quantMin, quantMax } = levels;
  const sample = values instanceof Float32Array ? sortedSample(values) : values;
  const [least, greatest] = [sample.sorted[0]!, sample.sorted.at(-1)!];
  const widest = Math.max(greatest / quantMax, quantMin < 0 ? least / quantMin : 0);
  if (!(widest > 0)) return 1;
  const error = (step: number): number => {
    const points = Float64Array.from({ length: quantMax - quantMin + 1 }, (_, i) => (quantMin + i) * step);
    return nearestTo(sample, points).inertia;
  };
  const coarse = bestOf(error, 0, widest);
  const spacing = widest / candidates;
  return bestOf(error, Math.max(0, coarse - spacing), Math.min(widest, coarse + spacing));
}

/** The best of evenly spaced steps in (from, to]; of equally good ones the largest. */
function bestOf(error: (step: number) => number, from: number, to: number): number {
  let [best, least] = [to, error(to)];
  for (let i = candidates - 1; i > 0; i--) {
    const step = from + ((to - from) * i) / candidates;
    const found = error(step);
    if (found < least) [best, least] = [step, found];
  }
  return best;
}
