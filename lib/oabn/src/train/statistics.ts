/**
 * BN statistics re-estimated for weights that no training step has seen, such as an average of weights:
 * forward passes in training mode, and the average of each batch's mean and variance (arXiv 1803.05407,
 * section 3.2; PyTorch's `update_bn`). Here that needs no code of its own in the network: running statistics
 * that were zero are, after one batch, that batch's own times the momentum.
 */
import { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import {
  type Architecture,
  bnMomentum,
  forward,
  type StateDict,
  type Tensors,
  toStateDict,
} from '../model/index.js';
import type { ImageShape, LabelledBatch } from './loop.js';

/**
 * The running statistics after a batch of images [N,H,W,3], from weights and from zeros in the shapes of the
 * buffers.
 */
export type StatisticsPass = (params: Tensors, zeros: Tensors, images: tf.Tensor4D) => Tensors;

/** A pass through the three-branch network in training mode. */
export function statisticsPass(arch: Architecture): StatisticsPass {
  return (params, zeros, images) =>
    forward(arch, { params, buffers: zeros }, images, { training: true }).buffers;
}

/** Which network, and on which images. */
export interface StatisticsOptions {
  /** The weights. */
  readonly params: Tensors;
  /** Their names and shapes are used, not their values. */
  readonly buffers: Tensors;
  /** The images. */
  readonly batches: AsyncIterable<LabelledBatch> | Iterable<LabelledBatch>;
  /** [H, W, 3] */
  readonly imageShape: ImageShape;
}

/**
 * The running statistics of `params`, averaged over `batches`, in the shapes of `buffers`.
 * @param pass `statisticsPass`, compiled or not, which leaves no other tensors behind
 */
export async function reestimateStatistics(
  pass: (...inputs: Parameters<StatisticsPass>) => Tensors | Promise<Tensors>,
  { params, buffers, batches, imageShape }: StatisticsOptions,
): Promise<StateDict> {
  const zeros: Tensors = Object.fromEntries(
    Object.entries(buffers).map(([name, buffer]) => [name, tf.zerosLike(buffer)]),
  );
  const sums = new Map<string, { shape: readonly number[]; sum: Float64Array }>();
  let count = 0;
  try {
    for await (const { images, size } of batches) {
      const input = tf.tensor4d(images, [size, ...imageShape]);
      const after = await pass(params, zeros, input);
      for (const [name, { shape, data }] of Object.entries(await toStateDict(after))) {
        const { sum } = sums.get(name) ?? { sum: new Float64Array(data.length) };
        sums.set(name, { shape, sum: sum.map((value, i) => value + data[i]!) });
      }
      count++;
      tf.dispose([input, after] as unknown as tf.TensorContainer);
    }
  } finally {
    tf.dispose(zeros as unknown as tf.TensorContainer);
  }
  const mean = (sum: Float64Array): Float32Array =>
    Float32Array.from(sum, (value) => value / count / bnMomentum);
  return Object.fromEntries(
    [...sums].map(([name, { shape, sum }]): [string, HostTensor<Float32Array>] => [
      name,
      { shape, data: mean(sum) },
    ]),
  );
}
