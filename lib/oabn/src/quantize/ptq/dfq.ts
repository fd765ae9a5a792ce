/**
 * DFQ (Nagel et al., arXiv 1906.04721): make the network easy to quantize without changing what it computes,
 * then repair what quantization does to the means.
 *
 * 1. Cross-layer equalization of the weights' ranges (section 4.1): `equalize.ts`.
 * 2. High biases are absorbed (section 4.1.3): of an output channel with mean β and deviation γ, c = max(0, β
 *    − 3γ) goes into the next layer's bias, because nearly all values lie above it. β and γ are measured on
 *    the calibration images: the merged network has no BN left that records them.
 * 3. Weights and activations are quantized by min–max.
 * 4. Bias correction (section 4.2): quantized weights W + ε shift a layer's output by ε·E[x] on average,
 *    which is taken from its bias. E[x] is measured on the calibration images, as each tap sees it, padding
 *    included.
 */
import { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import { blocksOf, checkChain, get, quantizedBlocks, type StateDict } from '../../model/index.js';
import { type QuantizedNetwork, quantizeNetwork } from '../quantizedNetwork.js';
import { checkScheme } from '../scheme.js';
import { absorbBiases, equalize } from './equalize.js';
import type { PtqMethod, PtqProblem } from './method.js';
import { type Observed, observe, rangesUpTo } from './observe.js';

export const dfq: PtqMethod = {
  title: 'DFQ',
  source: 'arXiv 1906.04721',
  granularities: ['perTensor', 'perChannel'],
  quantize: async (problem: PtqProblem): Promise<QuantizedNetwork> => {
    const { arch, merged, scheme } = problem;
    checkScheme(scheme);
    checkChain(arch, 'Equalization (DFQ)');
    const { stateDict: equal } = equalize(arch, merged);
    const shifts = highBiases(await observeMoments(problem, equal));
    const prepared = absorbBiases(arch, equal, shifts);
    const { maxima, means } = await observeTapMeans(problem, prepared);
    const ranges = rangesUpTo(problem, maxima);
    const network = quantizeNetwork({ arch, merged: prepared, ranges, scheme });
    return { ...network, stateDict: correctBiases(network, prepared, means) };
  },
};

/** Mean and standard deviation of each channel [C] of a block's input. */
export interface ChannelMoments {
  readonly mean: Float64Array;
  readonly std: Float64Array;
}

/** The moments of what enters each quantized block, which is the output of the layer before it. */
export async function observeMoments(problem: Observed, merged: StateDict): Promise<ChannelMoments[]> {
  const { arch, calibration } = problem;
  // Sums over the batches, by channel: the mean, its square, and the variance within the batch.
  const sums = quantizedBlocks(arch).map(({ inChannels }) =>
    [0, 1, 2].map(() => new Float64Array(inChannels)),
  );
  const axes = [0, 1, 2];
  const look = (x: tf.Tensor4D): tf.Tensor[] => {
    const mean = tf.mean(x, axes);
    return [mean, tf.mean(tf.squaredDifference(x, mean), axes)];
  };
  await observe(problem, merged, look, (block, [mean, variance], images) => {
    const [means, squares, variances] = sums[block]!;
    mean!.forEach((value, c) => {
      means![c]! += (value * images) / calibration.size;
      squares![c]! += (value ** 2 * images) / calibration.size;
      variances![c]! += (variance![c]! * images) / calibration.size;
    });
  });
  return sums.map(([means, squares, variances]) => {
    const between = means!.map((mean, c) => Math.max(0, squares![c]! - mean ** 2));
    return { mean: means!, std: between.map((variance, c) => Math.sqrt(variance + variances![c]!)) };
  });
}

/**
 * c = max(0, β − 3γ) of each channel. It is the same behind the ReLU as before it: where c > 0, next to
 * nothing is cut off.
 */
export function highBiases(moments: readonly ChannelMoments[]): Float64Array[] {
  return moments.map(({ mean, std }) => mean.map((beta, c) => Math.max(0, beta - 3 * std[c]!)));
}

/** What enters each quantized block. */
export interface TapMeans {
  /** Of each block, the largest value. */
  readonly maxima: Float64Array;
  /**
   * Of each block, the mean [in,3,3] of what each tap of its kernel is multiplied by, over the calibration
   * images and all places of the kernel: 0 where it reaches into the padding.
   */
  readonly means: readonly Float64Array[];
}

export async function observeTapMeans(problem: Observed, merged: StateDict): Promise<TapMeans> {
  const blocks = quantizedBlocks(problem.arch);
  const maxima = new Float64Array(blocks.length);
  const sums = blocks.map(() => new Float64Array(0));
  await observe(
    problem,
    merged,
    (x) => [tf.sum(x, 0), tf.max(x)],
    (block, [image, max]) => {
      maxima[block] = Math.max(maxima[block]!, max![0]!);
      if (sums[block]!.length === 0) sums[block] = new Float64Array(image!.length);
      image!.forEach((value, i) => (sums[block]![i]! += value));
    },
  );
  const shapes = inputShapes(problem);
  const means = blocks.map(({ inChannels, stride }, i) => {
    const image = sums[i]!.map((sum) => sum / problem.calibration.size);
    return tapMeans(image, shapes[i]!, inChannels, stride);
  });
  return { maxima, means };
}

/** Subtracts from each quantized block's bias what the change of its kernel adds to its mean output. */
function correctBiases(
  { arch, stateDict }: Pick<QuantizedNetwork, 'arch' | 'stateDict'>,
  original: StateDict,
  means: readonly Float64Array[],
): StateDict {
  const corrected: Record<string, HostTensor<Float32Array>> = { ...stateDict };
  quantizedBlocks(arch).forEach(({ name }, block) => {
    const [before, after] = [original, stateDict].map((dict) => get(dict, `${name}.rbr_reparam.weight`).data);
    const { shape, data } = get(stateDict, `${name}.rbr_reparam.bias`);
    const mean = means[block]!;
    const bias = data.map((b, out) => {
      let shift = 0;
      for (let k = 0; k < mean.length; k++) {
        const index = out * mean.length + k;
        shift += (after![index]! - before![index]!) * mean[k]!;
      }
      return b - shift;
    });
    corrected[`${name}.rbr_reparam.bias`] = { shape, data: bias };
  });
  return corrected;
}

/** [height, width] of each quantized block's input. */
function inputShapes({ arch, imageShape }: Observed): [number, number][] {
  let [height, width] = imageShape as readonly number[] as [number, number];
  return blocksOf(arch)
    .map(({ stride }): [number, number] => {
      [height, width] = [Math.ceil(height / stride), Math.ceil(width / stride)];
      return [height, width];
    })
    .slice(0, -1);
}

/** The tap means [C,3,3] of a 3×3 convolution with padding 1 on the mean image [H,W,C]. */
function tapMeans(
  image: Float64Array,
  [height, width]: readonly [number, number],
  channels: number,
  stride: number,
): Float64Array {
  const means = new Float64Array(channels * 9);
  const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  for (let tap = 0; tap < 9; tap++) {
    for (let row = 0; row < rows; row++) {
      const y = row * stride + Math.floor(tap / 3) - 1;
      if (y < 0 || y >= height) continue;
      for (let column = 0; column < columns; column++) {
        const x = column * stride + (tap % 3) - 1;
        if (x < 0 || x >= width) continue;
        for (let c = 0; c < channels; c++) means[c * 9 + tap]! += image[(y * width + x) * channels + c]!;
      }
    }
  }
  return means.map((sum) => sum / (rows * columns));
}
