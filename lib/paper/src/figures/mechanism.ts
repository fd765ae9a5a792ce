/** Figures drawn from the code's own objects: a quantizer's transfer curve, the list of layers, a merge. */
import { blocksOf, type Architecture, type Block, type Branch, quantizedBlocks } from 'oabn/model';
import { mergeParts } from 'oabn/merge';
import { quantizeValue, type UniformQuantizer } from 'oabn/quantize';
import { barFigure } from './bars.js';
import { kernelGridFigure } from './heatmap.js';
import { lineFigure, type LineSeries } from './lines.js';
import { captionOf, type FigureNetwork } from './paper.js';
import type { Figure, Titles } from 'tslab-kernel/display';

/** Figure 5: the value that stands for x, for each of several quantizers, over [from, to]. */
export function transferFigure(
  quantizers: Readonly<Record<string, UniformQuantizer>>,
  [from, to]: readonly [number, number],
  titles: Titles,
): Figure {
  const points = 400;
  const x = Array.from({ length: points + 1 }, (_, i) => from + (i * (to - from)) / points);
  const series = Object.entries(quantizers).map(([name, quantizer]): LineSeries => ({
    name,
    x,
    y: x.map((value) => quantizeValue(quantizer, value)),
    markers: false,
  }));
  const identity: LineSeries = { name: 'x itself', x, y: x, dash: 'dot', markers: false, color: '#444444' };
  return lineFigure({ ...titles, series: [...series, identity] });
}

/**
 * Figure 6: the layers of the merged network by their number of weights; which are quantized and which stay
 * in FP32.
 */
export function layersFigure(arch: Architecture, { subtitle }: { readonly subtitle: string }): Figure {
  const quantized = new Set(quantizedBlocks(arch).map(({ name }) => name));
  const layers = [
    ...blocksOf(arch).map(({ name, inChannels, outChannels }) => ({
      name,
      weights: 9 * inChannels * outChannels,
    })),
    { name: 'linear', weights: arch.widths.at(-1)! * arch.classes },
  ];
  // Every layer is in both series, at 0 in one of them, so that the axis shows them in order.
  const series = (title: string, wanted: boolean) => ({
    name: title,
    x: layers.map(({ name }) => name),
    y: layers.map(({ name, weights }) => (quantized.has(name) === wanted ? weights / 1000 : 0)),
  });
  return barFigure({
    title: 'Figure 6 · Which layers are quantized',
    subtitle,
    xTitle: 'layer of the merged network, from the image to the logits',
    yTitle: 'weights (thousands)',
    mode: 'relative',
    series: [series('quantized: weights and input', true), series('FP32', false)],
  });
}

/** Which part of which block is drawn. */
export interface MergeFigureOptions {
  /** The block. */
  readonly block: Block;
  /** A branch, or the sum of all. */
  readonly part: Branch | 'sum';
  /** Output channels; default 4. */
  readonly rows?: number;
}

/** Figure 3: the first output channels of one branch's share of a merged kernel, or of their sum. */
export function mergeFigure(network: FigureNetwork, { block, part, rows = 4 }: MergeFigureOptions): Figure {
  const { kernels } = mergeParts(network.arch, network.stateDict, block);
  const shares = part === 'sum' ? Object.values(kernels) : [kernels[part]!];
  const values = shares[0]!.map((_, i) => Math.abs(shares.reduce((sum, share) => sum + share[i]!, 0)));
  const names = {
    '3x3': '3×3 branch',
    '1x1': '1×1 branch',
    identity: 'identity branch',
    sum: 'merged kernel',
  };
  return kernelGridFigure({
    title: `Figure 3 · |w| of the ${names[part]}, ${block.name}`,
    subtitle: captionOf(network),
    xTitle: 'input channel j (3×3 taps each)',
    yTitle: 'output channel i',
    colorTitle: '|w|',
    values,
    inChannels: block.inChannels,
    rows: Math.min(rows, block.outChannels),
  });
}
