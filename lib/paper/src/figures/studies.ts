/** Figures and tables of the studies: which measurements go where. */
import { type AblationPoint, methodTitles, type RatePoint } from '../studies/index.js';
import {
  estimate,
  formatPercent,
  formatThreshold,
  type LowBitMethod,
  type LowBitPoint,
  type PtqPoint,
} from '../claims/index.js';
import type { Row } from 'oabn-base';
import { barFigure } from './bars.js';
import { lineFigure } from './lines.js';
import type { Figure } from 'tslab-kernel/display';

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const spread = (sds: readonly number[]): { error?: number[] } =>
  sds.some((sd) => sd > 0) ? { error: sds.map((sd) => 100 * sd) } : {};

/** Figure 1: accuracy on the way from training to low bits, with plain BN and with OABN. */
export function overviewFigure(points: readonly LowBitPoint[], bits: number, subtitle: string): Figure {
  const chosen = points.filter((point) => point.bits === bits);
  const stages: { name: string; of: (at: readonly LowBitPoint[]) => number[] }[] = [
    { name: 'trained and merged, FP32', of: (at) => at.map((point) => point.fp32) },
    ...(['ptq', 'clusterQat'] as const).map((method) => ({
      name: `${bits}-bit ${methodTitles[method]}`,
      of: (at: readonly LowBitPoint[]) =>
        at.filter((point) => point.method === method).map((point) => point.accuracy),
    })),
  ];
  return barFigure({
    title: `Figure 1 · Train, merge, quantize: ${bits} bits`,
    subtitle,
    xTitle: 'stage',
    yTitle: 'test accuracy (%)',
    yRange: [0, 100],
    series: distinct(chosen.map((point) => point.threshold)).map((threshold) => {
      const at = chosen.filter((point) => point.threshold === threshold);
      const estimates = stages.map(({ of }) => estimate(of(at)));
      return {
        name: threshold === Infinity ? 'BN' : `OABN s = ${threshold}`,
        x: stages.map(({ name }) => name),
        y: estimates.map(({ mean }) => 100 * mean),
        ...spread(estimates.map(({ sd }) => sd)),
      };
    }),
  });
}

/** Figure 8: {BN, OABN} × {uniform QAT, ClusterQAT} at `bits`. */
export function ablation4BitFigure(points: readonly LowBitPoint[], bits: number, subtitle: string): Figure {
  const methods: readonly LowBitMethod[] = ['uniformQat', 'clusterQat'];
  const chosen = points.filter((point) => point.bits === bits);
  return barFigure({
    title: `Figure 8 · OABN and ClusterQAT, ${bits} bits`,
    subtitle,
    xTitle: 'pretrained with',
    yTitle: 'test accuracy (%)',
    yRange: [0, 100],
    series: methods.map((method) => {
      const thresholds = distinct(chosen.map((point) => point.threshold)).sort((a, b) => b - a);
      const estimates = thresholds.map((threshold) =>
        estimate(
          chosen
            .filter((point) => point.method === method && point.threshold === threshold)
            .map((point) => point.accuracy),
        ),
      );
      return {
        name: methodTitles[method],
        x: thresholds.map((threshold) => (threshold === Infinity ? 'BN' : `OABN s = ${threshold}`)),
        y: estimates.map(({ mean }) => 100 * mean),
        ...spread(estimates.map(({ sd }) => sd)),
      };
    }),
  });
}

/** Accuracy over the learning rate of fine-tuning, a line for each method and network. */
export function learningRateFigure(points: readonly RatePoint[], subtitle: string): Figure {
  const lines = distinct(
    points.map(({ weights, threshold, bits }) => JSON.stringify([weights, formatThreshold(threshold), bits])),
  );
  return lineFigure({
    title: 'The search for learning rates',
    subtitle,
    xTitle: 'highest learning rate of fine-tuning',
    yTitle: 'accuracy on held-out images (%)',
    xKind: 'log',
    yRange: [0, 100],
    series: lines.map((key) => {
      const [weights, s, bits] = JSON.parse(key) as [RatePoint['weights'], string, number];
      const at = points.filter(
        (point) => point.weights === weights && formatThreshold(point.threshold) === s && point.bits === bits,
      );
      return {
        name: `${bits}-bit ${weights === 'uniform' ? 'uniform QAT' : 'ClusterQAT'}, s = ${s}`,
        x: at.map((point) => point.learningRate),
        y: at.map((point) => 100 * point.accuracy),
        ...(weights === 'uniform' && { dash: 'dash' as const }),
      };
    }),
  });
}

/** One group of ablations: a bar for each variant. */
export function ablationFigure(points: readonly AblationPoint[], group: string, subtitle: string): Figure {
  const chosen = points.filter((point) => point.group === group);
  const variants = distinct(chosen.map((point) => point.variant));
  const estimates = variants.map((variant) =>
    estimate(chosen.filter((point) => point.variant === variant).map((point) => point.accuracy)),
  );
  return barFigure({
    title: `Ablation · ${group}`,
    subtitle,
    xTitle: group,
    yTitle: 'test accuracy (%)',
    yRange: [0, 100],
    series: [
      {
        name: 'accuracy',
        x: variants,
        y: estimates.map(({ mean }) => 100 * mean),
        ...spread(estimates.map(({ sd }) => sd)),
      },
    ],
  });
}

/** The ablations as a table: accuracy against the first variant of the group. */
export function ablationRows(points: readonly AblationPoint[]): Row[] {
  return distinct(points.map((point) => point.group)).flatMap((group) => {
    const chosen = points.filter((point) => point.group === group);
    return distinct(chosen.map((point) => point.variant)).map((variant) => {
      const at = chosen.filter((point) => point.variant === variant);
      return {
        'what varies': group,
        variant,
        FP32: formatPercent(estimate(at.map((point) => point.fp32))),
        accuracy: formatPercent(estimate(at.map((point) => point.accuracy))),
        'state size': Math.round(estimate(at.map((point) => point.stateSize)).mean),
      };
    });
  });
}

/** Table 3 at `bits`: a row for each method and granularity, a column for each network, and the state size. */
export function ptqTableRows(points: readonly PtqPoint[], bits: number): Row[] {
  const chosen = points.filter((point) => point.bits === bits);
  const nameOf = ({ network, threshold }: PtqPoint): string =>
    network === 'QARepVGG' ? network : threshold === Infinity ? 'RepVGG' : `OABN s = ${threshold}`;
  const networks = distinct(chosen.map(nameOf));
  return distinct(chosen.map(({ method, granularity }) => JSON.stringify([method, granularity]))).map(
    (key) => {
      const [method, granularity] = JSON.parse(key) as [string, string];
      const at = chosen.filter((point) => point.method === method && point.granularity === granularity);
      const columns = networks.map((name) => [
        name,
        formatPercent(estimate(at.filter((point) => nameOf(point) === name).map((point) => point.accuracy))),
      ]);
      return {
        method,
        'one quantizer per': granularity === 'perChannel' ? 'channel' : 'layer',
        ...Object.fromEntries(columns),
        'state size': Math.round(estimate(at.map((point) => point.stateSize)).mean),
      };
    },
  );
}
