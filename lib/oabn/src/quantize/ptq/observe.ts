/**
 * Observers: what enters each quantized block, over the calibration images. One call is one pass of the
 * merged FP32 network, compiled where the engine compiles: a look at every activation on the engine, and the
 * results batch by batch on the host. In RepVGG every such activation is a ReLU's output, hence ≥ 0, and one
 * end of its range is 0.
 */
import { compile, tf } from 'tfjs-native';
import { check } from 'oabn-base';
import {
  type Architecture,
  forwardMerged,
  quantizedBlocks,
  type StateDict,
  type Tensors,
  toVariables,
} from '../../model/index.js';
import type { ActivationRanges } from '../calibrate.js';
import { type ActivationHistogram, addToHistogram, emptyHistogram } from './histogram.js';
import type { PtqProblem } from './method.js';

/** What an observer needs of a problem. */
export type Observed = Pick<PtqProblem, 'arch' | 'calibration' | 'imageShape' | 'signal'>;

/** Images in one pass through the network: enough to keep the engine busy, few enough for memory. */
const batchSize = 64;

/**
 * Runs the calibration images through `merged`. For each batch and each quantized block, by its place among
 * them, `visit` gets the values of the tensors that `look` makes of the activation [N,H,W,C] that enters the
 * block, and N.
 */
export async function observe(
  { arch, calibration, imageShape, signal }: Observed,
  merged: StateDict,
  look: (x: tf.Tensor4D) => tf.Tensor[],
  visit: (block: number, values: readonly Float32Array[], images: number) => void,
): Promise<void> {
  const { images, size } = calibration;
  check(size > 0, 'Calibration needs at least one image, got none');
  const [height, width, channels] = imageShape;
  const pixels = height * width * channels;
  check(
    images.length === size * pixels,
    () => `${size} images of [${imageShape.join(', ')}] have ${size * pixels} values, got ${images.length}`,
  );
  const { params } = toVariables(merged);
  const batchAt = (from: number): tf.Tensor4D => {
    const count = Math.min(batchSize, size - from);
    const data = images.subarray(from * pixels, (from + count) * pixels);
    return tf.tensor4d(data, [count, height, width, channels]);
  };
  const pass = (weights: Tensors, x: tf.Tensor4D): tf.Tensor[][] => {
    const seen: tf.Tensor[][] = [];
    const activation = (_: string, value: tf.Tensor4D): tf.Tensor4D => {
      seen.push(look(value));
      return value;
    };
    forwardMerged(arch, weights, x, { activation });
    return seen;
  };
  try {
    const example = batchAt(0);
    const compiled = await compile(pass, [params, example], { precision: 'float32' }).finally(() =>
      example.dispose(),
    );
    try {
      for (let from = 0; from < size; from += batchSize) {
        signal?.throwIfAborted();
        const x = batchAt(from);
        // The last batch may be smaller than the compiled ones.
        const isWhole = x.shape[0] === Math.min(batchSize, size);
        const seen = isWhole ? await compiled(params, x) : tf.tidy(() => pass(params, x));
        const values = await Promise.all(
          seen.map((each) => Promise.all(each.map((tensor) => tensor.data()))),
        );
        values.forEach((each, block) => visit(block, each as Float32Array[], x.shape[0]));
        tf.dispose([x, seen]);
      }
    } finally {
      await compiled.dispose();
    }
  } finally {
    tf.dispose(params as tf.TensorContainer);
  }
}

/** The largest input of each quantized block, in their order. */
async function observeMaxima(problem: Observed, merged: StateDict): Promise<Float64Array> {
  checkBehindReLU(problem.arch);
  const maxima = new Float64Array(quantizedBlocks(problem.arch).length);
  const look = (x: tf.Tensor4D): tf.Tensor[] => [tf.max(x)];
  await observe(problem, merged, look, (block, [max]) => {
    maxima[block] = Math.max(maxima[block]!, max![0]!);
  });
  return maxima;
}

/** The histogram of each quantized block's input, in their order: two passes, the first for the maxima. */
export async function observeHistograms(
  problem: Observed,
  merged: StateDict,
): Promise<ActivationHistogram[]> {
  const maxima = await observeMaxima(problem, merged);
  const histograms = Array.from(maxima, (max) => emptyHistogram(max));
  const look = (x: tf.Tensor4D): tf.Tensor[] => [x];
  await observe(problem, merged, look, (block, [values]) => addToHistogram(histograms[block]!, values!));
  return histograms;
}

/** @throws UserError naming a block that negative values enter, which ranges that begin at 0 would cut off */
function checkBehindReLU(arch: Architecture): void {
  const signed = quantizedBlocks(arch).find(({ nonNegative }) => nonNegative === false);
  check(
    !signed,
    () =>
      `Values below 0 enter ${signed!.name}, and this method finds the ends of activations behind a ReLU; take minMax, which ` +
      'knows both ends',
  );
}

/** The ranges [0, max] by block name, of the blocks' values of `maxima` in their order. */
export function rangesUpTo({ arch }: Pick<Observed, 'arch'>, maxima: ArrayLike<number>): ActivationRanges {
  return Object.fromEntries(quantizedBlocks(arch).map(({ name }, i) => [name, { min: 0, max: maxima[i]! }]));
}
