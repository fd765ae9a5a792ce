/**
 * The pictures that tell the story: where outliers sit, what quantization costs, what ClusterQAT recovers.
 * The report's first screen has three, the README one.
 */
import {
  estimate,
  formatThreshold,
  type LowBitMethod,
  type LowBitPoint,
  type ThresholdPoint,
} from '../claims/index.js';
import { lowBitMethods, methodTitles, type NetworkRow, type StudyResult } from '../studies/index.js';
import { barFigure } from './bars.js';
import { lineFigure, type LineSeries } from './lines.js';
import type { Figure } from 'tslab-kernel/display';

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const networkTitle = (threshold: number): string =>
  threshold === Infinity ? 'BN' : `OABN s = ${formatThreshold(threshold)}`;

/**
 * max|w|/σ of each quantized layer, a bar for each threshold; layers with an identity branch are marked with
 * an i.
 */
export function peaksFigure({ rows, source: subtitle }: StudyResult<NetworkRow>): Figure {
  const blocks = rows[0]!.outliers.map(({ block, identity }) => ({
    block,
    identity: identity !== undefined,
  }));
  const name = ({ block, identity }: (typeof blocks)[number]): string =>
    `${block.replace('stage', '')}${identity ? ' i' : ''}`;
  return barFigure({
    title: 'Where the outliers sit',
    subtitle: `i: with an identity branch · ${subtitle}`,
    xTitle: 'layer (i: with an identity branch)',
    yTitle: 'max|w| / σ',
    series: distinct(rows.map(({ threshold }) => threshold))
      .sort((a, b) => b - a)
      .map((threshold) => {
        const at = rows.filter((row) => row.threshold === threshold);
        const estimates = blocks.map((_, i) => estimate(at.map(({ outliers }) => outliers[i]!.peakToSigma)));
        const error = estimates.map(({ sd }) => sd);
        return {
          name: networkTitle(threshold),
          x: blocks.map(name),
          y: estimates.map(({ mean }) => mean),
          ...(error.some((sd) => sd > 0) && { error }),
        };
      }),
  });
}

/**
 * Accuracy over bits, in FP32 and after each method, with plain BN and with one s of OABN: a colour for each
 * network, a kind of line for each method, which has a gap at bits that were not computed.
 */
export function bitsFigure(
  { rows: sweep, source: subtitle }: Pick<StudyResult<ThresholdPoint>, 'rows' | 'source'>,
  { cells, threshold }: { readonly cells: readonly LowBitPoint[]; readonly threshold: number },
): Figure {
  const widths = distinct(sweep.map(({ bits }) => bits)).sort((a, b) => b - a);
  const points: readonly LowBitPoint[] = [
    ...sweep.map((row) => ({ ...row, method: 'ptq' as const })),
    ...cells,
  ];
  const lineOf = (s: number, method: LowBitMethod): LineSeries[] => {
    const at = points.filter((row) => row.threshold === s && row.method === method);
    if (at.length === 0) return [];
    const fp32 = method === 'ptq' ? [estimate(onceASeed(at).map((row) => row.fp32))] : [];
    const values = [
      ...fp32,
      ...widths.map((bits) => {
        const there = onceASeed(at.filter((row) => row.bits === bits));
        return there.length === 0 ? undefined : estimate(there.map(({ accuracy }) => accuracy));
      }),
    ];
    const percent = (fraction: number | undefined): number | null =>
      fraction === undefined ? null : 100 * fraction;
    return [
      {
        name: `${networkTitle(s)}, ${methodTitles[method]}`,
        x: [...fp32.map(() => 'FP32'), ...widths.map(String)],
        y: values.map((value) => percent(value?.mean)),
        dash: method === 'ptq' ? 'solid' : method === 'uniformQat' ? 'dash' : 'dot',
        color: s === Infinity ? 0 : 1,
        ...(values.some((value) => value && value.sd > 0) && {
          error: values.map((value) => percent(value?.sd)),
        }),
      },
    ];
  };
  return lineFigure({
    title: 'What low bits cost, and what brings it back',
    subtitle,
    xTitle: 'bits of weights and activations',
    yTitle: 'test accuracy (%)',
    xKind: 'category',
    yRange: [0, 100],
    series: lowBitMethods.flatMap((method) => [Infinity, threshold].flatMap((s) => lineOf(s, method))),
  });
}

/**
 * Accuracy over bits after uniform PTQ, a line for each network and a colour for each s: how much of it is the
 * seed's.
 */
export function seedsFigure(
  { rows, source: subtitle }: Pick<StudyResult<ThresholdPoint>, 'rows' | 'source'>,
  { title = 'The same network, trained from other seeds' }: { readonly title?: string } = {},
): Figure {
  const widths = distinct(rows.map(({ bits }) => bits)).sort((a, b) => b - a);
  const thresholds = distinct(rows.map(({ threshold }) => threshold)).sort((a, b) => b - a);
  const seeds = distinct(rows.map(({ seed }) => seed)).sort((a, b) => a - b);
  return lineFigure({
    title,
    subtitle,
    xTitle: 'bits of weights and activations (uniform PTQ)',
    yTitle: 'test accuracy (%)',
    xKind: 'category',
    yRange: [0, 100],
    series: thresholds.flatMap((threshold, color) =>
      seeds.flatMap((seed): LineSeries[] => {
        const own = rows.filter((row) => row.threshold === threshold && row.seed === seed);
        if (own.length === 0) return [];
        const at = new Map<string, number>(own.map(({ bits, accuracy }) => [String(bits), 100 * accuracy]));
        const x = ['FP32', ...widths.map(String)];
        at.set('FP32', 100 * own[0]!.fp32);
        return [
          { name: `${networkTitle(threshold)}, seed ${seed}`, x, y: x.map((b) => at.get(b) ?? null), color },
        ];
      }),
    ),
  });
}

/** A row may occur in both studies. */
const onceASeed = (rows: readonly LowBitPoint[]): LowBitPoint[] => [
  ...new Map(rows.map((row) => [row.seed, row])).values(),
];

/** Accuracy in FP32 and after each method at `bits`, with plain BN and with one s of OABN. */
export function recoveryFigure(
  { rows, source: subtitle }: StudyResult<LowBitPoint>,
  { bits, threshold }: { readonly bits: readonly number[]; readonly threshold: number },
): Figure {
  const methods: readonly LowBitMethod[] = ['ptq', 'uniformQat', 'clusterQat'];
  const places = bits.flatMap((b) => methods.map((method) => ({ b, method })));
  return barFigure({
    title: 'What ClusterQAT recovers',
    subtitle,
    xTitle: 'bits of weights and activations',
    yTitle: 'test accuracy (%)',
    yRange: [0, 100],
    series: [Infinity, threshold].map((s) => {
      const at = rows.filter((row) => row.threshold === s);
      const values = [
        estimate(at.map(({ fp32 }) => fp32)),
        ...places.map(({ b, method }) =>
          estimate(
            at.filter((row) => row.bits === b && row.method === method).map(({ accuracy }) => accuracy),
          ),
        ),
      ];
      return {
        name: networkTitle(s),
        x: ['FP32', ...places.map(({ b, method }) => `${b} ${methodTitles[method].replace('uniform ', '')}`)],
        y: values.map(({ mean }) => 100 * mean),
        ...(values.some(({ sd }) => sd > 0) && { error: values.map(({ sd }) => 100 * sd) }),
      };
    }),
  });
}
