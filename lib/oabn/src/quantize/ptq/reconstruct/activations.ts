/**
 * A layer of the chain on the engine, and activations of all calibration images in host memory: [n, h, w,
 * channels], computed a few images at a time by a compiled function.
 */
import { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import type { Block, Tensors } from '../../../model/index.js';

export type Activations = HostTensor<Float32Array>;

/** One merged convolution on the engine. */
export interface LayerTensors {
  /** [3,3,in,out] */
  readonly kernel: tf.Tensor4D;
  /** [out] */
  readonly bias: tf.Tensor1D;
}

/** A merged block's tensors among those of its network. */
export function layerTensors(params: Tensors, { name }: Block): LayerTensors {
  const [kernel, bias] = [params[`${name}.rbr_reparam.weight`], params[`${name}.rbr_reparam.bias`]];
  return { kernel: kernel as tf.Tensor4D, bias: bias as tf.Tensor1D };
}

/** A layer's output: ReLU(x ∗ kernel + bias), [n,h,w,in] → [n,h/stride,w/stride,out]. */
export function runLayer(x: tf.Tensor4D, { kernel, bias }: LayerTensors, stride: number): tf.Tensor4D {
  return tf.relu(tf.add(tf.conv2d(x, kernel, stride, 1), bias) as tf.Tensor4D);
}

/** Images that go through a function at a time. */
export const chunkSize = 64;

/**
 * `run` over all images of `inputs`, which have equally many: what it returns for each chunk, put together
 * again. The last chunk is filled up with the first images, so that one compiled function serves.
 */
export async function mapImages(
  inputs: readonly Activations[],
  run: (...chunks: tf.Tensor4D[]) => Promise<tf.Tensor4D[]>,
  signal?: AbortSignal,
): Promise<Activations[]> {
  const [images] = inputs[0]!.shape as [number];
  const results: Activations[] = [];
  for (let start = 0; start < images; start += chunkSize) {
    signal?.throwIfAborted();
    const indices = Array.from({ length: chunkSize }, (_, i) => (start + i) % images);
    const chunks = inputs.map((input) => toBatch(takeImages(input, indices), input, chunkSize));
    const outputs = await run(...chunks);
    const values = await Promise.all(outputs.map((output) => output.data()));
    values.forEach((data, k) => {
      const each = outputs[k]!.shape.slice(1);
      const size = data.length / chunkSize;
      results[k] ??= { shape: [images, ...each], data: new Float32Array(images * size) };
      const kept = Math.min(chunkSize, images - start);
      results[k].data.set(data.subarray(0, kept * size) as Float32Array, start * size);
    });
    tf.dispose([chunks, outputs]);
  }
  return results;
}

/** The images at `indices`, one after the other. */
export function takeImages({ shape, data }: Activations, indices: ArrayLike<number>): Float32Array {
  const size = data.length / shape[0]!;
  const taken = new Float32Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    taken.set(data.subarray(indices[i]! * size, (indices[i]! + 1) * size), i * size);
  }
  return taken;
}

/** `data` of `images` images that are shaped as those of `like`, on the engine. */
export function toBatch(data: Float32Array, like: Pick<Activations, 'shape'>, images: number): tf.Tensor4D {
  return tf.tensor4d(data, [images, ...like.shape.slice(1)] as [number, number, number, number]);
}
