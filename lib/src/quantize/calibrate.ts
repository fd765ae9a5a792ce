/** Calibration: the range of the activation that enters each quantized block, over some images. */
import { tf } from '../backend/index.js';
import { check } from '../base/index.js';
import {
  type Architecture,
  forwardMerged,
  quantizedBlocks,
  type StateDict,
  toVariables,
} from '../model/index.js';
import { mseStep } from './mseStep.js';
import { activationBitsOf, type QuantizationScheme } from './scheme.js';
import type { ActivationRange } from './uniform.js';

/** Block name → range of its input. */
export type ActivationRanges = Readonly<Record<string, ActivationRange>>;

/** The minimum [blocks] and maximum [blocks] of the activations entering the quantized blocks, for one batch. */
export function observeRanges(
  arch: Architecture,
  params: Readonly<Record<string, tf.Tensor>>,
  images: tf.Tensor4D,
): [tf.Tensor1D, tf.Tensor1D] {
  const [minima, maxima]: [tf.Scalar[], tf.Scalar[]] = [[], []];
  forwardMerged(arch, params, images, {
    activation: (_, x) => {
      minima.push(tf.min(x));
      maxima.push(tf.max(x));
      return x;
    },
  });
  return [tf.stack(minima) as tf.Tensor1D, tf.stack(maxima) as tf.Tensor1D];
}

/** The ranges over all `batches` of images, each a Float32Array of [N,H,W,3] with `size` = N images. */
export async function calibrate(
  arch: Architecture,
  merged: StateDict,
  batches:
    AsyncIterable<{ images: Float32Array; size: number }> | Iterable<{ images: Float32Array; size: number }>,
): Promise<ActivationRanges> {
  const { params } = toVariables(merged);
  const blocks = quantizedBlocks(arch);
  const min = new Float32Array(blocks.length).fill(Infinity);
  const max = new Float32Array(blocks.length).fill(-Infinity);
  for await (const { images, size } of batches) {
    const side = Math.sqrt(images.length / size / 3);
    const observed = tf.tidy(() => observeRanges(arch, params, tf.tensor4d(images, [size, side, side, 3])));
    const [low, high] = await Promise.all(observed.map((tensor) => tensor.data()));
    blocks.forEach((_, i) => {
      min[i] = Math.min(min[i]!, low![i]!);
      max[i] = Math.max(max[i]!, high![i]!);
    });
    tf.dispose(observed);
  }
  tf.dispose(params as tf.TensorContainer);
  check(blocks.length === 0 || min[0]! < Infinity, 'Calibration needs at least one image, got none');
  return Object.fromEntries(blocks.map(({ name }, i) => [name, { min: min[i]!, max: max[i]! }]));
}

/** Values of an activation that its best step is found on, evenly spread over the batch. */
const sampledValues = 1 << 17;

/**
 * Ranges [0, S·(2^b−1)] of least squared error on one batch of images [size,H,W,3], for activations that have been through
 * ReLU. Blocks whose activation stays in FP32 have no range.
 */
export async function calibrateMse(
  arch: Architecture,
  merged: StateDict,
  { images, size }: { images: Float32Array; size: number },
  scheme: QuantizationScheme,
): Promise<ActivationRanges> {
  const { params } = toVariables(merged);
  const side = Math.sqrt(images.length / size / 3);
  const samples = tf.tidy(() => {
    const seen: tf.Tensor1D[] = [];
    forwardMerged(arch, params, tf.tensor4d(images, [size, side, side, 3]), {
      activation: (_, x) => {
        const stride = Math.max(1, Math.floor(x.size / sampledValues));
        seen.push(tf.stridedSlice(tf.reshape(x, [-1]), [0], [x.size], [stride]) as tf.Tensor1D);
        return x;
      },
    });
    return seen;
  });
  const values = (await Promise.all(samples.map((sample) => sample.data()))) as Float32Array[];
  tf.dispose([samples, params] as unknown as tf.TensorContainer);
  const ranges: Record<string, ActivationRange> = {};
  quantizedBlocks(arch).forEach(({ name }, i) => {
    const bits = activationBitsOf(scheme, name);
    if (bits === undefined) return;
    const quantMax = 2 ** bits - 1;
    ranges[name] = { min: 0, max: quantMax * mseStep(values[i]!, { quantMin: 0, quantMax }) };
  });
  return ranges;
}
