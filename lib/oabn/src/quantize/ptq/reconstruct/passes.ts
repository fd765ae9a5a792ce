/** Passes of all calibration images through a part of the network, in full precision and quantized. */
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import { type Block, blocksOf, type Tensors } from '../../../model/index.js';
import type { PtqProblem } from '../method.js';
import {
  type Activations,
  chunkSize,
  type LayerTensors,
  mapImages,
  runLayer,
  toBatch,
  layerTensors,
} from './activations.js';
import type { CompileOnce } from './compileOnce.js';
import { importanceOf, squaredGradients } from './fisher.js';
import { quantizeLearnedRange } from './learnedRange.js';
import { kernelTensor, type LearnedLayer } from './unitState.js';
import type { Unit } from './units.js';

/** What a pass needs of everything around it. */
export interface PassContext {
  readonly compileOnce: CompileOnce;
  readonly signal?: AbortSignal;
}

/** The calibration images as activations [n,H,W,3]. */
export function calibrationActivations({ calibration, imageShape }: PtqProblem): Activations {
  return { shape: [calibration.size, ...imageShape], data: calibration.images };
}

/**
 * The outputs of each of `blocks`, consecutive ones of the full-precision network, for inputs `x` of the
 * first.
 */
export async function fullPrecisionPass(
  blocks: readonly Block[],
  params: Tensors,
  x: Activations,
  { compileOnce, signal }: PassContext,
): Promise<Activations[]> {
  const layers = blocks.map((block) => layerTensors(params, block));
  const strides = blocks.map(({ stride }) => stride);
  const make = () => (chain: readonly LayerTensors[], input: tf.Tensor4D) => {
    let features = input;
    return chain.map((layer, i) => (features = runLayer(features, layer, strides[i]!)));
  };
  const example = exampleOf(x);
  const run = await compileOnce('full precision', strides, make, [layers, example]).finally(() =>
    example.dispose(),
  );
  return await mapImages([x], async (chunk) => await run(layers, chunk!), signal);
}

/** A layer's tensors as quantized, with its input's quantizer where it has one. */
interface QuantizedLayerTensors extends LayerTensors {
  readonly reach?: tf.Scalar;
  readonly quantMax?: tf.Scalar;
}

/** The output of a learned unit behind the quantized part of the network, which gives it `x`. */
export async function quantizedPass(
  unit: Unit,
  learned: readonly LearnedLayer[],
  x: Activations,
  { compileOnce, signal }: PassContext,
): Promise<Activations> {
  const layers = learned.map((layer, i) => quantizedTensors(unit.layers[i]!, layer));
  const strides = unit.layers.map(({ stride }) => stride);
  const make = () => (chain: readonly QuantizedLayerTensors[], input: tf.Tensor4D) =>
    chain.reduce((features, { reach, quantMax, ...layer }, i) => {
      const entering = reach && quantMax ? quantizeLearnedRange(features, reach, quantMax) : features;
      return runLayer(entering, layer, strides[i]!);
    }, input);
  try {
    const example = exampleOf(x);
    const run = await compileOnce('quantized', strides, make, [layers, example]).finally(() =>
      example.dispose(),
    );
    const [output] = await mapImages([x], async (chunk) => [await run(layers, chunk!)], signal);
    return output!;
  } finally {
    tf.dispose(layers as unknown as tf.TensorContainer);
  }
}

function quantizedTensors(
  { inChannels, outChannels }: Block,
  { kernel, bias, activation }: LearnedLayer,
): QuantizedLayerTensors {
  return {
    kernel: kernelTensor([outChannels, inChannels, 3, 3], kernel),
    bias: tf.tensor1d(bias),
    ...(activation && {
      reach: tf.scalar(activation.reach),
      quantMax: tf.scalar(2 ** activation.bits - 1),
    }),
  };
}

/**
 * For each unit, the weights of the squared errors of its output, from the Fisher information (see
 * `fisher.ts`).
 */
export async function importancePass(
  problem: PtqProblem,
  units: readonly Unit[],
  params: Tensors,
  { compileOnce, signal }: PassContext,
): Promise<Activations[]> {
  const images = calibrationActivations(problem);
  const [stem] = blocksOf(problem.arch);
  const stream = random(problem.seed, 'fisher labels');
  const draws = { shape: [images.shape[0]!, 1, 1, 1], data: new Float32Array(images.shape[0]!) };
  draws.data.forEach((_, i) => (draws.data[i] = stream.uniform()));
  const make = () => (tensors: Tensors, x: tf.Tensor4D, u: tf.Tensor4D) =>
    squaredGradients(stem!, units, tensors, x, tf.reshape(u, [-1]) as tf.Tensor1D);
  const example = [exampleOf(images), exampleOf(draws)] as const;
  const run = await compileOnce('fisher', [], make, [params, ...example]).finally(() =>
    tf.dispose([...example]),
  );
  const squared = await mapImages([images, draws], async (x, u) => await run(params, x!, u!), signal);
  return squared.map(({ shape, data }) => ({ shape, data: importanceOf(data) }));
}

/** A chunk of zeros shaped as a chunk of `x`. */
function exampleOf(x: Activations): tf.Tensor4D {
  const size = x.data.length / x.shape[0]!;
  return toBatch(new Float32Array(chunkSize * size), x, chunkSize);
}
