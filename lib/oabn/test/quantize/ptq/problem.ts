/** A small problem for PTQ methods: a merged network with an outlier in every kernel, and random images. */
import { tf } from 'tfjs-native';
import { type HostTensor, random } from 'oabn-base';
import {
  forwardMerged,
  get,
  normalizeArchitecture,
  parameterShapes,
  quantizedBlocks,
  type StateDict,
  toVariables,
} from '../../../src/model/index.js';
import { forwardQuantized, type PtqProblem, type QuantizedNetwork } from '../../../src/quantize/index.js';

export const arch = normalizeArchitecture({
  widths: [4, 6, 8],
  depths: [1, 2, 1],
  strides: [1, 1, 2],
  classes: 5,
});
export const imageShape = [8, 8, 3] as const;

/** Normal weights by name; class-A outliers in each quantized kernel, and channels of unlike size. */
export function mergedNetwork(seed = 1): StateDict {
  const entries = Object.entries(parameterShapes(arch, 'merged')).map(([name, shape]) => {
    const stream = random(seed, name);
    const size = shape.reduce((product, n) => product * n, 1);
    const fan = shape.length > 1 ? size / shape[0]! : 4;
    const data = Float32Array.from({ length: size }, (_, i) => {
      const channel = 1 + (Math.floor(i / (size / shape[0]!)) % 3);
      return (stream.normal() * channel) / Math.sqrt(fan);
    });
    if (shape.length === 4 && name !== 'stage0.rbr_reparam.weight') data[4] = 4;
    return [name, { shape, data }] as const;
  });
  return Object.fromEntries(entries);
}

export function images(size: number, seed = 1): Float32Array {
  const stream = random(seed, 'images');
  return Float32Array.from({ length: size * 8 * 8 * 3 }, () => stream.normal());
}

export function problem(changes: Partial<PtqProblem['scheme']> = {}, size = 80): PtqProblem {
  return {
    arch,
    merged: mergedNetwork(),
    scheme: { bits: 8, weights: 'uniform', ...changes },
    calibration: { images: images(size), size },
    imageShape,
    seed: 0,
  };
}

/** The logits of a merged network in FP32, flat. */
export function logits(stateDict: StateDict, pixels: Float32Array): Float32Array {
  return run(stateDict, (params, x) => forwardMerged(arch, params, x), pixels);
}

/** The logits of a quantized network, flat. */
export function quantizedLogits(network: QuantizedNetwork, pixels: Float32Array): Float32Array {
  return run(
    network.stateDict,
    (params, x) => forwardQuantized(network, params, network.activations, x),
    pixels,
  );
}

function run(
  stateDict: StateDict,
  forward: (params: Readonly<Record<string, tf.Tensor>>, x: tf.Tensor4D) => tf.Tensor,
  pixels: Float32Array,
): Float32Array {
  const { params } = toVariables(stateDict);
  const output = tf.tidy(() => {
    const x = tf.tensor4d(pixels, [pixels.length / (8 * 8 * 3), 8, 8, 3]);
    return forward(params, x).dataSync().slice() as Float32Array;
  });
  tf.dispose(params as tf.TensorContainer);
  return output;
}

/** The inputs of the quantized blocks, each flat, in order. */
export function blockInputs(stateDict: StateDict, pixels: Float32Array): Float32Array[] {
  const inputs: Float32Array[] = [];
  const activation = (_: string, x: tf.Tensor4D): tf.Tensor4D => {
    inputs.push(x.dataSync().slice() as Float32Array);
    return x;
  };
  run(stateDict, (params, x) => forwardMerged(arch, params, x, { activation }), pixels);
  return inputs;
}

export const kernels = (stateDict: StateDict): HostTensor<Float32Array>[] =>
  quantizedBlocks(arch).map(({ name }) => get(stateDict, `${name}.rbr_reparam.weight`));

export function squaredError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}
