/**
 * The paper's figures from our measurements: which numbers go where. Each figure says where its numbers come
 * from.
 */
import { check, concatenate } from 'oabn-base';
import type { SourcedNetwork } from 'oabn/experiment';
import { mergeNetwork, mergeParts, splitByClass } from 'oabn/merge';
import { type Block, branchNames, get, quantizedBlocks } from 'oabn/model';
import type { Figure } from 'tslab-kernel/display';
import { estimate, formatThreshold, type LowBitPoint, type ThresholdPoint } from '../claims/index.js';
import { lowBitMethods, methodTitles, type StudyResult } from '../studies/index.js';
import { barFigure } from './bars.js';
import { kernelGridFigure } from './heatmap.js';
import { histogramFigure } from './histogram.js';
import { lineFigure, type LineSeries } from './lines.js';
import { levelsText, spread } from './studies.js';

/** A network in training form and where it comes from; a made-up one has a description of its own. */
export type FigureNetwork = Pick<SourcedNetwork, 'arch' | 'stateDict' | 'name' | 'source'>;

/** Name and source of a network, as a subtitle. */
export const captionOf = ({ name, source }: Pick<FigureNetwork, 'name' | 'source'>): string =>
  [name, source].filter(Boolean).join(' · ');

/**
 * Figure 2: merged weights with their outliers, each layer in units of its own standard deviation, for
 * networks by their names.
 * @param options `layer`: that quantized layer alone, from 0; default all of them
 */
export function weightDistributionFigure(
  networks: Readonly<Record<string, FigureNetwork>>,
  { layer }: { readonly layer?: number } = {},
): Figure {
  const sources = [...new Set(Object.values(networks).map(({ source }) => source))];
  const blocks = quantizedBlocks(Object.values(networks)[0]!.arch);
  check(
    layer === undefined || blocks[layer],
    () => `layer must be a whole number from 0 to ${blocks.length - 1}, got ${layer}`,
  );
  const alone = layer === undefined ? [] : [`${blocks[layer]!.name} alone`];
  return histogramFigure({
    title: `Figure 2 · Merged weights, ${layer === undefined ? 'all quantized layers' : 'one layer'}`,
    subtitle: [...alone, ...sources].join(' · '),
    xTitle: 'weight − mean of its layer, in standard deviations',
    yTitle: 'number of weights (log)',
    binWidth: 1,
    series: Object.entries(networks).map(([name, { arch, stateDict }]) => {
      const merged = mergeNetwork(arch, stateDict);
      const layers = quantizedBlocks(arch)
        .filter((_, i) => layer === undefined || i === layer)
        .map((block) => get(merged, `${block.name}.rbr_reparam.weight`).data);
      return { name, values: concatenate(layers.map(standardize)) };
    }),
  });
}

/** Figure 4(a): |w| of the first `rows` output channels of a merged block, kernels side by side. */
export function mergedKernelFigure(
  network: FigureNetwork,
  { block, rows = 3 }: { readonly block: Block; readonly rows?: number },
): Figure {
  const merged = mergeNetwork(network.arch, network.stateDict);
  return kernelGridFigure({
    title: `Figure 4(a) · |merged weight| of ${block.name}`,
    subtitle: captionOf(network),
    xTitle: 'input channel j (3×3 taps each)',
    yTitle: 'output channel i',
    colorTitle: '|w|',
    values: get(merged, `${block.name}.rbr_reparam.weight`).data.map(Math.abs),
    inChannels: block.inChannels,
    rows,
  });
}

/** Figure 4(b): what each branch contributes to the class-A weights of a block, channel by channel. */
export function classAPartsFigure(network: FigureNetwork, { block }: { readonly block: Block }): Figure {
  const { kernels } = mergeParts(network.arch, network.stateDict, block);
  const channels = Array.from({ length: block.outChannels }, (_, i) => i);
  return barFigure({
    title: `Figure 4(b) · Class-A weights of ${block.name} by branch`,
    subtitle: captionOf(network),
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
        {
          name: branch === 'identity' ? 'identity (r0)' : branch.replace('x', '×'),
          x: channels.map((i) => i + 1),
          y: [...A],
        },
      ];
    }),
  });
}

/** Figure 7: FP32 and post-training quantized accuracy over s. */
export function thresholdFigure(
  { rows, source }: StudyResult<ThresholdPoint>,
  { title }: { readonly title: string },
): Figure {
  const thresholds = [...new Set(rows.map((row) => row.threshold))].sort((a, b) => a - b);
  const bits = [...new Set(rows.map((row) => row.bits))].sort((a, b) => b - a);
  const series = (
    name: string,
    of: (row: ThresholdPoint) => number,
    at: number,
    color: number,
  ): LineSeries => {
    const estimates = thresholds.map((s) =>
      estimate(rows.filter((row) => row.threshold === s && row.bits === at).map(of)),
    );
    const error = estimates.map(({ sd }) => 100 * sd);
    return {
      name,
      x: thresholds.map(formatThreshold),
      y: estimates.map(({ mean }) => 100 * mean),
      ...(error.some((value) => value > 0) && { error }),
      color,
    };
  };
  return lineFigure({
    title,
    subtitle: source,
    xTitle: 'threshold s of OABN',
    yTitle: 'test accuracy (%)',
    xKind: 'category',
    yRange: [0, 100],
    series: [
      // The same for all bits.
      series('FP32', (row) => row.fp32, bits[0]!, 0),
      // A number of bits, 8 at most, has one colour, whichever others are drawn.
      ...bits.map((b) => series(`INT${b}`, (row) => row.accuracy, b, 9 - b)),
    ],
  });
}

/** Tables 5 and 6 as a figure: accuracy at `bits` by s, a series for each method. */
export function lowBitFigure(
  { rows, source }: StudyResult<LowBitPoint>,
  { bits }: { readonly bits: number },
): Figure {
  const chosen = rows.filter((row) => row.bits === bits);
  const thresholds = [...new Set(chosen.map((point) => point.threshold))].sort((a, b) => a - b);
  const methods = lowBitMethods.filter((method) => chosen.some((point) => point.method === method));
  return barFigure({
    title: `${bits}-bit weights and activations`,
    subtitle: `${levelsText(bits)} · ${source}`,
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
        ...spread(estimates.map(({ sd }) => sd)),
        color: lowBitMethods.indexOf(method),
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
