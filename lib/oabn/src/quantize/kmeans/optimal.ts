/**
 * The exact optimum of 1-D k-means by dynamic programming. An optimal clustering of numbers consists of
 * intervals, so
 *     best(q, j) = min over i of best(q−1, i) + inertia(i … j)
 * and the best i does not decrease with j; divide and conquer over j therefore needs O(k m log m) evaluations
 * for m candidate positions (Wang & Song 2011, Ckmeans.1d.dp; the speed-up: Grønlund et al. 2017, arXiv
 * 1701.07204).
 *
 * Exact: every distinct value is a candidate. Above `maxCandidates` distinct values, clusters may begin only
 * at the edges of a histogram, half of them at equal counts (for the bulk) and half at equal widths (for the
 * tails); the inertia within bins still counts, and Lloyd steps on all values then move the ends freely.
 */
import { check } from 'oabn-base';
import { type Clustering, descend } from './lloyd.js';
import {
  distinctStarts,
  inertiaOf,
  meanOf,
  type SortedSample,
  sortedSample,
  upperBound,
} from './segments.js';
import { checkClusters } from './thresholds.js';

/** How large a problem is solved exactly. */
export interface OptimalOptions {
  /**
   * The number of candidates for a cluster's start above which the edges of a histogram are used instead;
   * default 16384.
   */
  readonly maxCandidates?: number;
}

/** The clustering with the least inertia. */
export interface OptimalClustering extends Clustering {
  /** False when the optimum is over the edges of a histogram only. */
  readonly exact: boolean;
}

/**
 * The k centroids [k] with the least inertia over `values` [n], and their counts. With fewer distinct values
 * than k, each is a centroid and the surplus ones repeat the largest, with count 0.
 * @param k from 1 to 65536
 * @throws UserError for no or non-finite values, and for k that is not a whole number in its range
 */
export function optimalKmeans1d(
  values: Float32Array | SortedSample,
  k: number,
  { maxCandidates = 16384 }: OptimalOptions = {},
): OptimalClustering {
  checkClusters(k);
  check(maxCandidates >= k, () => `maxCandidates must be at least k = ${k}, got ${maxCandidates}`);
  const sample = values instanceof Float32Array ? sortedSample(values) : values;
  const distinct = distinctStarts(sample.sorted);
  const exact = distinct.length <= maxCandidates;
  const starts = exact ? distinct : histogramStarts(sample.sorted, distinct, maxCandidates);
  const ends = Uint32Array.of(
    ...optimalStarts(sample, starts, Math.min(k, starts.length)),
    sample.sorted.length,
  );
  const means = Float64Array.from({ length: k }, (_, j) => {
    const last = Math.min(j, ends.length - 2);
    return meanOf(sample, ends[last]!, ends[last + 1]!);
  });
  // The optimum over all candidates is a fixed point of Lloyd's steps; that over bin edges is only near to
  // one.
  return { ...descend(sample, means, { maxIterations: exact ? 0 : 1000 }), exact };
}

/** At most `limit` of the `distinct` starts: half at equal counts, half at equal widths. */
function histogramStarts(sorted: Float32Array, distinct: Uint32Array, limit: number): Uint32Array {
  const half = Math.floor(limit / 2);
  const [least, greatest] = [sorted[0]!, sorted[sorted.length - 1]!];
  const chosen = new Set<number>();
  for (let bin = 0; bin < half; bin++) {
    chosen.add(distinct[Math.floor((bin * distinct.length) / half)]!);
    const edge = upperBound(sorted, least + ((greatest - least) * bin) / half);
    if (edge < sorted.length) chosen.add(edge);
  }
  return Uint32Array.from(chosen).sort();
}

/**
 * Where the `k` clusters of least inertia begin, if they may begin at `starts` [m ≥ k], of which the first is
 * 0.
 */
function optimalStarts(sample: SortedSample, starts: Uint32Array, k: number): number[] {
  const m = starts.length;
  const end = (j: number): number => (j + 1 < m ? starts[j + 1]! : sample.sorted.length);
  const cost = (i: number, j: number): number => inertiaOf(sample, starts[i]!, end(j));
  let best = Float64Array.from(starts, (_, j) => cost(0, j));
  const choices: Uint32Array[] = [];
  for (let q = 1; q < k; q++) {
    const next = new Float64Array(m).fill(Infinity);
    const choice = new Uint32Array(m);
    const previous = best;
    /** Fills next[from … to], whose best begins lie in [low, high]. */
    const fill = (from: number, to: number, low: number, high: number): void => {
      if (from > to) return;
      const j = (from + to) >>> 1;
      for (let i = Math.max(low, q); i <= Math.min(high, j); i++) {
        const total = previous[i - 1]! + cost(i, j);
        if (total < next[j]!) [next[j], choice[j]] = [total, i];
      }
      fill(from, j - 1, low, choice[j]!);
      fill(j + 1, to, choice[j]!, high);
    };
    fill(q, m - 1, q, m - 1);
    choices.push(choice);
    best = next;
  }
  const begins = [];
  let j = m - 1;
  for (const choice of choices.reverse()) {
    begins.unshift(starts[choice[j]!]!);
    j = choice[j]! - 1;
  }
  return [0, ...begins];
}
