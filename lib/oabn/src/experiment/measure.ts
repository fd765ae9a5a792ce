/** The accuracy of a merged network, quantized or not, on a lab's test images. */
import { eagerByDefault, precisionByDefault, tf, useBackend } from 'tfjs-native';
import { canonicalJson, check, sayNotice, silent } from 'oabn-base';
import { type Batch, type Dataset, openDataset } from '../data/index.js';
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
import { compiledCache } from './compiledCache.js';
import { runDefaults } from './defaults.js';
import { type Lab, type LabOptions, stopSignal } from './lab.js';
import type { DataConfig } from './settings.js';

/** What accuracy is measured on and with: a lab, or test images without training images. */
export type TestBench = Pick<Lab, 'test' | 'compiled'> & Partial<Pick<Lab, 'train' | 'signal'>>;

/** Opens the test images alone, for measuring networks that exist. @throws UserError as `openLab` */
export async function openTestBench(
  options: Pick<
    LabOptions,
    'defaults' | 'dataset' | 'data' | 'standIn' | 'progress' | 'eager' | 'precision' | 'notice'
  > = {},
): Promise<TestBench> {
  const { progress = silent, eager = eagerByDefault(), precision = precisionByDefault(), data } = options;
  const { notice = sayNotice } = options;
  await useBackend(undefined, notice);
  const test = await openDataset({
    name: options.dataset ?? (options.defaults ?? runDefaults).data.name,
    split: 'test',
    progress,
    warn: notice,
    ...(data !== undefined && { data }),
    ...(options.standIn !== undefined && { standIn: options.standIn }),
  });
  return { test, compiled: compiledCache({ eager, precision, warn: notice }) };
}

/** A merged network to measure; quantized, where it says how. */
export interface MeasuredNetwork {
  /** Its description. */
  readonly arch: Architecture;
  /** Merged. */
  readonly stateDict: StateDict;
  /** How it is quantized; absent: it is in FP32. */
  readonly quantization?: Pick<QuantizedNetwork, 'scheme' | 'activations'>;
}

/** Which network is measured, and on which images. */
export interface Measurement extends Pick<DataConfig, 'testImages' | 'firstTestImage' | 'heldOut'> {
  /** The network to measure. */
  readonly network: MeasuredNetwork;
}

/**
 * Images in one evaluation batch: fewer where they are large, so that their activations take about as much
 * memory.
 */
export function evaluationBatch(side: number): number {
  return side <= 64 ? 200 : Math.max(1, Math.floor((200 * 64 ** 2) / side ** 2));
}

/**
 * Accuracy over `testImages` test images of the fixed class-balanced order, from `firstTestImage` on, or over
 * `heldOut` training images.
 */
export async function measureAccuracy(lab: TestBench, { network, ...part }: Measurement): Promise<Accuracy> {
  const { dataset, ...range } = judgedImages(lab, part);
  const batchSize = evaluationBatch(lab.test.imageShape[0]);
  const { params } = toVariables(network.stateDict);
  const ranges = rangeTensors(network.quantization);
  try {
    const images = tf.zeros<tf.Rank.R4>([batchSize, ...lab.test.imageShape]);
    const logitsOf = await lab.compiled
      .get(cacheKey(network), () => logitsFunction(network), [{ params, ranges, images }])
      .finally(() => images.dispose());
    const batches = await keptBatches(dataset, { batchSize, ...range });
    return await evaluate((x) => logitsOf({ params, ranges, images: x }), {
      batches,
      batchSize,
      imageShape: lab.test.imageShape,
      signal: stopSignal(lab),
    });
  } finally {
    tf.dispose([params, ranges] as unknown as tf.TensorContainer);
  }
}

/** The images that accuracy is measured on: a part of a dataset's fixed class-balanced order. */
function judgedImages(
  { test, train }: TestBench,
  { testImages, firstTestImage = 0, heldOut }: Omit<Measurement, 'network'>,
): { readonly dataset: Dataset; readonly limit: number; readonly skip: number } {
  if (heldOut === undefined) return { dataset: test, limit: testImages ?? test.size, skip: firstTestImage };
  check(
    train,
    'Accuracy on held-out training images needs a lab, with training images beside the test images',
  );
  return { dataset: train, limit: heldOut, skip: train.size - heldOut };
}

/** Bytes of test images that are kept: all of CIFAR-10's. */
const keptBytes = 128 * 2 ** 20;
const kept = new WeakMap<Dataset, Map<string, readonly Batch[]>>();

/**
 * The images in batches. Every run asks for the same ones: where they are few, they are made once and kept.
 */
async function keptBatches(
  dataset: Dataset,
  options: { readonly batchSize: number; readonly limit: number; readonly skip: number },
): Promise<AsyncIterable<Batch> | Iterable<Batch>> {
  const bytes = 4 * options.limit * dataset.imageShape.reduce((product, size) => product * size, 1);
  if (bytes > keptBytes) return dataset.batches(options);
  const known = kept.get(dataset) ?? new Map<string, readonly Batch[]>();
  kept.set(dataset, known);
  const key = canonicalJson(options);
  const found = known.get(key);
  if (found) return found;
  const batches: Batch[] = [];
  for await (const batch of dataset.batches(options)) batches.push(batch);
  known.set(key, batches);
  return batches;
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
  const { widths, depths, strides, classes, operations } = arch;
  const bits = quantizedBlocks(arch).map(({ name }) =>
    quantization ? (activationBitsOf(quantization.scheme, name) ?? null) : null,
  );
  return canonicalJson({ kind: 'logits', widths, depths, strides, classes, operations, bits });
}

/**
 * Of the activations that are quantized: a range of one that stays in FP32 is no input of the compiled
 * function.
 */
function rangeTensors(quantization: MeasuredNetwork['quantization']): EngineRanges {
  if (!quantization) return {};
  const { activations, scheme } = quantization;
  return Object.fromEntries(
    Object.entries(activations)
      .filter(([block]) => activationBitsOf(scheme, block) !== undefined)
      .map(([block, { min, max }]) => [block, { min: tf.scalar(min), max: tf.scalar(max) }]),
  );
}
