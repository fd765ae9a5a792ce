/** The rows of the paper's tables and figures from our measurements. */
import {
  estimate,
  formatPercent,
  formatThreshold,
  type LowBitPoint,
  type ThresholdPoint,
} from '../claims/index.js';
import { lowBitMethods, methodTitles } from '../studies/index.js';
import type { Row } from 'oabn-base';

/** Figure 7's numbers: a row for each s, a column for each width. */
export function sweepRows(points: readonly ThresholdPoint[]): Row[] {
  return ascending(points.map((point) => point.threshold)).map((s) => {
    const at = points.filter((point) => point.threshold === s);
    const cell = (of: (point: ThresholdPoint) => number): string => formatPercent(estimate(at.map(of)));
    const bits = ascending(Object.keys(at[0]!.quantized).map(Number)).reverse();
    const quantized = bits.map((b) => [`INT${b}`, cell((point) => point.quantized[b]!)]);
    return { s: formatThreshold(s), FP32: cell((point) => point.fp32), ...Object.fromEntries(quantized) };
  });
}

/** Table 5's numbers: a row for the network before quantization and for each width and method, a column for each s. */
export function lowBitRows(points: readonly LowBitPoint[]): Row[] {
  const thresholds = ascending(points.map((point) => point.threshold));
  const unquantized = thresholds.map((s) => {
    const seeds = new Map(points.filter((p) => p.threshold === s).map(({ seed, fp32 }) => [seed, fp32]));
    return [`s = ${formatThreshold(s)}`, formatPercent(estimate([...seeds.values()]))];
  });
  const first = { bits: 32, method: '–', ...Object.fromEntries(unquantized) };
  const quantized = widthsOf(points).flatMap((bits) =>
    lowBitMethods.map((method) => {
      const columns = thresholds.map((s) => {
        const at = points.filter((p) => p.bits === bits && p.method === method && p.threshold === s);
        return [`s = ${formatThreshold(s)}`, formatPercent(estimate(at.map(({ accuracy }) => accuracy)))];
      });
      return { bits, method: methodTitles[method], ...Object.fromEntries(columns) };
    }),
  );
  return [first, ...quantized];
}

const widthsOf = (points: readonly LowBitPoint[]): number[] =>
  ascending(points.map(({ bits }) => bits)).reverse();

const ascending = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
