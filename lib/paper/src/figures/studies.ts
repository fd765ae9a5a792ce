/** Figures of the studies: which measurements go where. Each figure says where its rows come from. */
import { estimate, formatThreshold, type LowBitMethod, type LowBitPoint } from '../claims/index.js';
import {
  type AblationPoint,
  decayTitles,
  finetuningGrounds,
  lowBitMethods,
  methodTitles,
  type OutlierPoint,
  pretrainingJudges,
  pretrainingRivals,
  quantizationRivals,
  type RatePoint,
  type RivalPoint,
  type RivalRound,
  type StudyResult,
  type MeasuredCost,
} from '../studies/index.js';
import { barFigure } from './bars.js';
import { dotFigure } from './dots.js';
import { lineFigure } from './lines.js';
import type { Figure } from 'tslab-kernel/display';

/** Uniform weights leave a code unused, clusters do not; this is stated wherever the two are compared. */
export const levelsText = (bits: number): string =>
  `a layer’s weights: uniform ${2 ** bits - 1} levels, ClusterQAT ${2 ** bits}`;

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const fromLargest = (values: readonly number[]): number[] => distinct(values).sort((a, b) => b - a);
/** The error bars of means in percent: none where every standard deviation is 0. */
export const spread = (sds: readonly number[]): { error?: number[] } =>
  sds.some((sd) => sd > 0) ? { error: sds.map((sd) => 100 * sd) } : {};

/** Figure 1: accuracy on the way from training to low bits, with plain BN and with OABN. */
export function overviewFigure(
  { rows: points, source: subtitle }: StudyResult<LowBitPoint>,
  { bits }: { readonly bits: number },
): Figure {
  const methods = ['ptq', 'clusterQat'] as const;
  const there = points.filter((point) => point.bits === bits);
  // Of an unfinished profile, networks that have gone through all stages: a missing bar would look like 0%.
  const chosen = there.filter(({ threshold }) =>
    methods.every((method) =>
      there.some((point) => point.threshold === threshold && point.method === method),
    ),
  );
  const stages: { name: string; of: (at: readonly LowBitPoint[]) => number[] }[] = [
    { name: 'trained and merged, FP32', of: (at) => at.map((point) => point.fp32) },
    ...methods.map((method) => ({
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
    // Plain BN comes first, so that it has the same colour whatever the order of the study's cells.
    series: fromLargest(chosen.map((point) => point.threshold)).map((threshold) => {
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
export function ablation4BitFigure(
  { rows: points, source: subtitle }: StudyResult<LowBitPoint>,
  { bits }: { readonly bits: number },
): Figure {
  const methods: readonly LowBitMethod[] = ['uniformQat', 'clusterQat'];
  const chosen = points.filter((point) => point.bits === bits);
  return barFigure({
    title: `Figure 8 · OABN and ClusterQAT, ${bits} bits`,
    subtitle: `${levelsText(bits)} · ${subtitle}`,
    xTitle: 'pretrained with',
    yTitle: 'test accuracy (%)',
    yRange: [0, 100],
    series: methods.map((method) => {
      const thresholds = fromLargest(chosen.map((point) => point.threshold));
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
        color: lowBitMethods.indexOf(method),
      };
    }),
  });
}

/**
 * Accuracy over the learning rate of fine-tuning: a colour for each method, as in Figure 8, and dashes for OABN. The
 * axis shows the accuracies that occur, because what a rate changes is a few points.
 */
export function learningRateFigure({ rows: points, source: subtitle }: StudyResult<RatePoint>): Figure {
  const lines = distinct(
    points.map(({ weights, threshold, bits }) => JSON.stringify([weights, formatThreshold(threshold), bits])),
  );
  return lineFigure({
    title: 'The search for learning rates',
    subtitle,
    xTitle: 'highest learning rate of fine-tuning',
    yTitle: 'accuracy on held-out images (%)',
    xKind: 'log',
    series: lines.map((key) => {
      const [weights, s, bits] = JSON.parse(key) as [RatePoint['weights'], string, number];
      const at = points.filter(
        (point) => point.weights === weights && formatThreshold(point.threshold) === s && point.bits === bits,
      );
      const rates = distinct(at.map((point) => point.learningRate));
      const estimates = rates.map((rate) =>
        estimate(at.filter((point) => point.learningRate === rate).map((point) => point.accuracy)),
      );
      return {
        name: `${bits}-bit ${weights === 'uniform' ? 'uniform QAT' : 'ClusterQAT'}, s = ${s}`,
        x: rates,
        y: estimates.map(({ mean }) => 100 * mean),
        ...spread(estimates.map(({ sd }) => sd)),
        color: lowBitMethods.indexOf(weights === 'uniform' ? 'uniformQat' : 'clusterQat'),
        ...(s !== formatThreshold(Infinity) && { dash: 'dash' as const }),
      };
    }),
  });
}

/** One group of ablations: a bar for each variant. */
export function ablationFigure(
  { rows, source }: StudyResult<AblationPoint>,
  { group }: { readonly group: string },
): Figure {
  const chosen = rows.filter((point) => point.group === group);
  const networks = distinct(
    chosen.map(({ bits, threshold }) => `${bits} bits, s = ${formatThreshold(threshold)}`),
  );
  const variants = distinct(chosen.map((point) => point.variant));
  const estimates = variants.map((variant) =>
    estimate(chosen.filter((point) => point.variant === variant).map((point) => point.accuracy)),
  );
  return barFigure({
    title: `Ablation · ${group}`,
    subtitle: `${networks.join('; ')} · ${source}`,
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

/** Table 7 as a figure: what a training step costs, relative to the first network. */
export function trainingCostFigure({ rows, source }: MeasuredCost): Figure {
  const [first] = rows;
  return barFigure({
    title: 'Table 7 · A training step, relative to RepVGG with BN',
    subtitle: source,
    xTitle: 'cost',
    yTitle: 'relative to RepVGG (BN) = 1',
    series: rows.map((row) => ({
      name: row.network,
      x: ['operations', 'activations kept', 'time (measured)'],
      y: [
        row.flops / first!.flops,
        row.activationBytes / first!.activationBytes,
        row.secondsPerStep / first!.secondsPerStep,
      ],
    })),
  });
}

/** What a training run's trace records after each epoch, and the title of its axis. */
const traced = {
  meanPeakToSigma: 'mean max|w|/σ of the merged layers',
  maxPeakToSigma: 'largest max|w|/σ of a merged layer',
  maxRatio: 'largest |r0|',
  inputDeviation: "σ of the identity's input",
  clipped: 'channels that are clipped (%)',
  dead: 'dead channels (%)',
} as const;

/**
 * What makes outliers: a value of the trace over the epochs, a line for each network; means over seeds. A rule of
 * decay has one colour, whichever others are drawn, and OABN is dashed.
 */
export function outlierFigure(
  { rows, source: subtitle }: StudyResult<OutlierPoint>,
  { value }: { readonly value: keyof typeof traced },
): Figure {
  // Every network has a row for each width; its trace is the same in all of them.
  const [first] = distinct(rows.map((row) => row.bits));
  const networks = rows.filter((row) => row.bits === first);
  const hasLengths = distinct(rows.map((row) => row.epochs)).length > 1;
  const hasWidths = distinct(rows.map((row) => row.width)).length > 1;
  const nameOf = ({ decay, epochs, width, threshold }: OutlierPoint): string =>
    [
      decayTitles[decay],
      ...(hasLengths ? [`${epochs} epochs`] : []),
      ...(hasWidths ? [`width × ${width}`] : []),
      `s = ${formatThreshold(threshold)}`,
    ].join(', ');
  const factor = value === 'clipped' || value === 'dead' ? 100 : 1;
  return lineFigure({
    title: `What makes the outliers · ${traced[value]}`,
    subtitle,
    xTitle: 'epoch',
    yTitle: traced[value],
    ...(factor === 100 && { yRange: [0, 102] as const }),
    series: distinct(networks.map(nameOf)).map((name) => {
      const here = networks.filter((row) => nameOf(row) === name);
      const traces = here.map(({ trace }) => trace);
      const epochs = traces[0]!.map(({ epoch }) => epoch);
      return {
        name,
        x: epochs,
        y: epochs.map((_, i) => factor * estimate(traces.map((trace) => trace[i]?.[value] ?? NaN)).mean),
        ...(!hasLengths && !hasWidths && { color: Object.keys(decayTitles).indexOf(here[0]!.decay) }),
        ...(name.includes('∞') ? {} : { dash: 'dash' as const }),
      };
    }),
  });
}

/**
 * One round of the rivals at `bits`: for each way to pretrain a dot for each quantizer that judges them all, or
 * for each way to quantize a dot for each network that it was tried on. The ways have the same order in all
 * figures.
 */
export function rivalFigure(
  { rows, source }: StudyResult<RivalPoint>,
  { bits, round }: { readonly bits: number; readonly round: RivalRound },
): Figure {
  const inPretraining = round === 'pretraining';
  const [group, series] = inPretraining
    ? (['pretraining', 'quantization'] as const)
    : (['quantization', 'pretraining'] as const);
  const compared = inPretraining ? pretrainingJudges : finetuningGrounds;
  const chosen = rows.filter((row) => row.bits === bits && compared.includes(row[series]));
  const ways = Object.keys(inPretraining ? pretrainingRivals : quantizationRivals);
  const groups = ways.filter((way) => chosen.some((row) => row[group] === way));
  return dotFigure({
    title: `Ways to ${inPretraining ? 'pretrain' : 'fine-tune'} at ${bits} bits`,
    subtitle: source,
    xTitle: 'test accuracy (%)',
    yTitle: '',
    xRange: [0, 100],
    series: compared
      .filter((name) => chosen.some((row) => row[series] === name))
      .map((name) => {
        const here = chosen.filter((row) => row[series] === name);
        const of = groups.filter((at) => here.some((row) => row[group] === at));
        const estimates = of.map((at) =>
          estimate(here.filter((row) => row[group] === at).map(({ accuracy }) => accuracy)),
        );
        return {
          name,
          y: of,
          x: estimates.map(({ mean }) => 100 * mean),
          ...spread(estimates.map(({ sd }) => sd)),
        };
      }),
  });
}
