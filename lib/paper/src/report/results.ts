/**
 * The results as a README shows them: accuracy by bits and method, plain BN beside OABN, from the rows of
 * figure 7a and table 5.
 */
import { markdownTable } from 'oabn-base';
import {
  estimate,
  formatEstimate,
  formatThreshold,
  type LowBitMethod,
  type LowBitPoint,
  type QuantizedPoint,
  type ThresholdPoint,
} from '../claims/index.js';
import { methodTitles } from '../studies/index.js';

/** Rows of the two studies, of one profile. */
export interface ResultRows {
  readonly sweep: readonly ThresholdPoint[];
  readonly cells: readonly LowBitPoint[];
}

/** At 2 bits, nothing is left without training. */
const least = 3;

/**
 * Test accuracy in percent, mean ± standard deviation over seeds; a line for each number of bits and method,
 * a column for each s that was fine-tuned, and for the smallest. A heading names the seeds where they are not
 * the same everywhere.
 */
export function resultsMarkdown({ sweep, cells }: ResultRows): string {
  const shown = new Set([...cells.filter(({ method }) => method !== 'ptq'), ...smallest(sweep)].map(sOf));
  const columns = [...shown].sort((a, b) => a - b);
  const text = (points: readonly QuantizedPoint[], of: 'accuracy' | 'fp32'): string => {
    const values = [...new Map(points.map((point) => [point.seed, 100 * point[of]])).values()];
    return values.length === 0 ? '–' : formatEstimate(estimate(values));
  };
  const seedsOf = (points: readonly QuantizedPoint[]): number => new Set(points.map(({ seed }) => seed)).size;
  const line = (
    heads: readonly [bits: string, method: string],
    points: readonly QuantizedPoint[],
    of: 'accuracy' | 'fp32' = 'accuracy',
  ): string[] => [
    ...heads,
    ...columns.map((s) =>
      text(
        points.filter((point) => sOf(point) === s),
        of,
      ),
    ),
  ];

  const all: readonly QuantizedPoint[] = [...sweep, ...cells];
  const widths = [...new Set(all.map(({ bits }) => bits))]
    .filter((bits) => bits >= least)
    .sort((a, b) => b - a);
  const methods = Object.keys(methodTitles) as LowBitMethod[];
  const lines = [
    line(['32', '–'], all, 'fp32'),
    ...widths.flatMap((bits) =>
      methods.flatMap((method) => {
        const untrained = sweep.filter((point) => point.bits === bits && method === 'ptq');
        const tuned = cells.filter((point) => point.bits === bits && point.method === method);
        const points = untrained.length > 0 ? untrained : tuned;
        return points.some((point) => shown.has(sOf(point)))
          ? [line([String(bits), methodTitles[method]], points)]
          : [];
      }),
    ),
  ];
  const counts = columns.map((s) => seedsOf(sweep.filter((point) => sOf(point) === s)));
  const same = new Set(counts).size === 1;
  const heads = columns.map((s, i) => {
    const name = s === Infinity ? 'BN (s = ∞)' : `OABN s = ${formatThreshold(s)}`;
    return same ? name : `${name}, ${counts[i] === 1 ? '1 seed' : `${counts[i]} seeds`}`;
  });
  return markdownTable([['bits', 'method', ...heads], ...lines], {
    right: columns.map((_, i) => i + 2).concat(0),
  });
}

const sOf = ({ threshold }: { readonly threshold: number }): number => threshold;

const smallest = <P extends QuantizedPoint>(points: readonly P[]): P[] => {
  const value = Math.min(...points.map(sOf));
  return points.filter((point) => sOf(point) === value);
};
