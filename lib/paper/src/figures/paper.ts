/** The paper's figures from our measurements: which numbers go where. */
import { concatenate } from 'oabn-base';
import { estimate, formatThreshold, type LowBitPoint, type ThresholdPoint } from '../claims/index.js';
import { lowBitMethods, methodTitles } from '../studies/index.js';
import { type MergeParts, splitByClass } from 'oabn/merge';
import { type Block, branchNames } from 'oabn/model';
import { barFigure } from './bars.js';
import { kernelGridFigure } from './heatmap.js';
import { histogramFigure } from './histogram.js';
import { lineFigure, type LineSeries } from './lines.js';
import type { Figure } from 'tslab-kernel/display';

/** The quantized layers' merged weights of one network, each layer in units of its own standard deviation. */
export interface WeightSample {
  readonly name: string;
  readonly layers: readonly Float32Array[];
}

/** Figure 2: merged weights with their outliers, against an ordinary CNN's. */
export function weightDistributionFigure(samples: readonly WeightSample[], subtitle: string): Figure {
  return histogramFigure({
    title: 'Figure 2 · Merged weights, all quantized layers',
    subtitle,
    xTitle: 'weight / standard deviation of its layer',
    yTitle: 'number of weights (log)',
    binWidth: 1,
    series: samples.map(({ name, layers }) => ({ name, values: concatenate(layers.map(standardize)) })),
  });
}

/** Figure 4(a): |w| of the first output channels of a merged block, kernels side by side. */
export function mergedKernelFigure(block: Block, kernel: Float32Array, subtitle: string, rows = 3): Figure {
  return kernelGridFigure({
    title: `Figure 4(a) · |merged weight| of ${block.name}`,
    subtitle,
    xTitle: 'input channel j (3×3 taps each)',
    yTitle: 'output channel i',
    colorTitle: '|w|',
    values: kernel.map(Math.abs),
    inChannels: block.inChannels,
    rows,
  });
}

/** Figure 4(b): what each branch gives to the class-A weights of a block, channel by channel. */
export function classAPartsFigure(block: Block, { kernels }: MergeParts, subtitle: string): Figure {
  const channels = Array.from({ length: block.outChannels }, (_, i) => i);
  return barFigure({
    title: `Figure 4(b) · Class-A weights of ${block.name} by branch`,
    subtitle,
    xTitle: 'channel i = j',
    yTitle: 'part of the merged weight',
    mode: 'relative',
    series: branchNames.flatMap((branch) => {
      const kernel = kernels[branch];
      if (!kernel) return [];
      const { A } = splitByClass({
        shape: [block.outChannels, block.inChannels, 3, 3],
        data: Float32Array.from(kernel),
      });
      return [
        { name: branch === 'identity' ? 'identity (r0)' : branch, x: channels.map((i) => i + 1), y: [...A] },
      ];
    }),
  });
}

/** Figure 7: FP32 and post-training quantized accuracy over s. */
export function thresholdFigure(points: readonly ThresholdPoint[], title: string, subtitle: string): Figure {
  const thresholds = [...new Set(points.map((point) => point.threshold))].sort((a, b) => a - b);
  const bits = Object.keys(points[0]?.quantized ?? {})
    .map(Number)
    .sort((a, b) => b - a);
  const series = (name: string, of: (point: ThresholdPoint) => number): LineSeries => {
    const estimates = thresholds.map((s) =>
      estimate(points.filter((point) => point.threshold === s).map(of)),
    );
    const error = estimates.map(({ sd }) => 100 * sd);
    return {
      name,
      x: thresholds.map(formatThreshold),
      y: estimates.map(({ mean }) => 100 * mean),
      ...(error.some((value) => value > 0) && { error }),
    };
  };
  return lineFigure({
    title,
    subtitle,
    xTitle: 'threshold s of OABN',
    yTitle: 'test accuracy (%)',
    xKind: 'category',
    yRange: [0, 100],
    series: [
      series('FP32', (point) => point.fp32),
      ...bits.map((b) => series(`INT${b}`, (point) => point.quantized[b]!)),
    ],
  });
}

/** Tables 5 and 6 as a figure: accuracy at `bits` by s, a series for each method. */
export function lowBitFigure(points: readonly LowBitPoint[], bits: number, subtitle: string): Figure {
  const chosen = points.filter((point) => point.bits === bits);
  const thresholds = [...new Set(chosen.map((point) => point.threshold))].sort((a, b) => a - b);
  const methods = lowBitMethods.filter((method) => chosen.some((point) => point.method === method));
  return barFigure({
    title: `${bits}-bit weights and activations`,
    subtitle,
    xTitle: 'threshold s of OABN in pretraining',
    yTitle: 'test accuracy (%)',
    yRange: [0, 100],
    series: methods.map((method) => {
      const estimates = thresholds.map((s) =>
        estimate(
          chosen
            .filter((point) => point.threshold === s && point.method === method)
            .map((point) => point.accuracy),
        ),
      );
      return {
        name: methodTitles[method],
        x: thresholds.map(formatThreshold),
        y: estimates.map(({ mean }) => 100 * mean),
      };
    }),
  });
}

function standardize(values: Float32Array): Float32Array {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  const deviation = Math.sqrt(squares / values.length - mean * mean);
  return values.map((value) => (value - mean) / deviation);
}
