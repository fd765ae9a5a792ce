/** The accuracy of a merged network, quantized or not, on a lab's test images. */
import { tf } from '../backend/index.js';
import { canonicalJson } from '../base/index.js';
import {
  type Architecture,
  quantizedBlocks,
  type StateDict,
  type Tensors,
  toVariables,
} from '../model/index.js';
import {
  activationBitsOf,
  type EngineRanges,
  forwardQuantized,
  type QuantizedNetwork,
} from '../quantize/index.js';
import { type Accuracy, evaluate } from '../train/index.js';
import type { DataConfig } from './config.js';
import type { Lab } from './lab.js';

export interface MeasuredNetwork {
  readonly arch: Architecture;
  /** Merged. */
  readonly stateDict: StateDict;
  readonly quantization?: Pick<QuantizedNetwork, 'scheme' | 'activations'>;
}

/** Images in one evaluation batch. */
const batchSize = 200;

/** Accuracy over `testImages` test images of the fixed class-balanced order, from `firstTestImage` on. */
export async function measureAccuracy(
  lab: Lab,
  network: MeasuredNetwork,
  { testImages, firstTestImage = 0 }: Pick<DataConfig, 'testImages' | 'firstTestImage'>,
): Promise<Accuracy> {
  const { params } = toVariables(network.stateDict);
  const ranges = rangeTensors(network.quantization);
  const example = { params, ranges, images: tf.zeros<tf.Rank.R4>([batchSize, ...lab.test.imageShape]) };
  const logitsOf = await lab.compiled.get(cacheKey(network), () => logitsFunction(network), [example]);
  tf.dispose(example.images);
  try {
    const batches = lab.test.batches({ batchSize, limit: testImages ?? lab.test.size, skip: firstTestImage });
    return await evaluate(
      (x) => logitsOf({ params, ranges, images: x }),
      batches,
      batchSize,
      lab.test.imageShape,
    );
  } finally {
    tf.dispose([params, ranges] as unknown as tf.TensorContainer);
  }
}

interface LogitsInput {
  readonly params: Tensors;
  readonly ranges: EngineRanges;
  readonly images: tf.Tensor4D;
}

/** Unquantized networks take the same path with activations in FP32. */
function logitsFunction({ arch, quantization }: MeasuredNetwork): (input: LogitsInput) => tf.Tensor2D {
  const scheme = quantization?.scheme ?? { bits: 8, weights: 'uniform', activationBits: null };
  return ({ params, ranges, images }) => forwardQuantized({ arch, scheme }, params, ranges, images);
}

/** Networks that differ in their numbers alone share one compiled function. */
function cacheKey({ arch, quantization }: MeasuredNetwork): string {
  const { widths, depths, strides, classes } = arch;
  const bits = quantizedBlocks(arch).map(({ name }) =>
    quantization ? (activationBitsOf(quantization.scheme, name) ?? null) : null,
  );
  return canonicalJson({ kind: 'logits', widths, depths, strides, classes, bits });
}

function rangeTensors(quantization: MeasuredNetwork['quantization']): EngineRanges {
  if (!quantization) return {};
  return Object.fromEntries(
    Object.entries(quantization.activations).map(([block, { min, max }]) => [
      block,
      { min: tf.scalar(min), max: tf.scalar(max) },
    ]),
  );
}
