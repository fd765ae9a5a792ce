/**
 * Calibration: the range of the activation that enters each quantized block, over some images. The images go
 * through the merged network in passes of equal size, compiled where the engine compiles.
 */
import { compile, type Compiled, tf } from 'tfjs-native';
import { check, concatenate } from 'oabn-base';
import {
  activationsOf,
  type Architecture,
  type Block,
  forwardMerged,
  quantizedBlocks,
  type StateDict,
  type Tensors,
  toVariables,
} from '../model/index.js';
import { mseStep } from './mseStep.js';
import { activationBitsOf, type QuantizationScheme } from './scheme.js';
import type { ActivationRange } from './uniform.js';

/** Block name → range of its input. */
export type ActivationRanges = Readonly<Record<string, ActivationRange>>;

/**
 * The minimum [blocks] and maximum [blocks] of the activations entering the quantized blocks, for one batch.
 */
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

/**
 * Images without labels, [size, H, W, 3], normalized and concatenated; H = W where no shape is given.
 */
export interface CalibrationImages {
  /** [size, H, W, 3], flat. */
  readonly images: Float32Array;
  /** The number of images. */
  readonly size: number;
}

/** The ranges over all `batches` of images. @throws UserError naming the block where one is not finite */
export async function calibrate(
  arch: Architecture,
  merged: StateDict,
  batches: AsyncIterable<CalibrationImages> | Iterable<CalibrationImages>,
): Promise<ActivationRanges> {
  const blocks = blocksToQuantize(arch);
  const min = new Float32Array(blocks.length).fill(Infinity);
  const max = new Float32Array(blocks.length).fill(-Infinity);
  await throughNetwork(merged, async (pass) => {
    for await (const batch of batches) {
      for (const images of inPasses(arch, batch)) {
        const look = (params: Tensors, x: tf.Tensor4D): tf.Tensor[] => observeRanges(arch, params, x);
        const [low, high] = await pass(images, look);
        blocks.forEach((_, i) => {
          min[i] = Math.min(min[i]!, low![i]!);
          max[i] = Math.max(max[i]!, high![i]!);
        });
      }
    }
  });
  check(min[0] !== Infinity || max[0] !== -Infinity, 'Calibration needs at least one image, got none');
  return checkRanges(Object.fromEntries(blocks.map(({ name }, i) => [name, { min: min[i]!, max: max[i]! }])));
}

/** Values of an activation on which its best step is found, evenly spread over the images. */
const sampledValues = 1 << 17;

/**
 * Ranges [0, S·(2^b−1)] of least squared error on one batch of images, for activations that have been through
 * ReLU. Blocks whose activation stays in FP32 have no range.
 */
export async function calibrateMse(
  arch: Architecture,
  merged: StateDict,
  batch: CalibrationImages,
  scheme: QuantizationScheme,
): Promise<ActivationRanges> {
  const blocks = blocksToQuantize(arch);
  const signed = blocks.find(({ nonNegative }) => nonNegative === false);
  check(
    !signed,
    () =>
      `Values below 0 enter ${signed!.name}; ranges of least squared error are found behind a ReLU, so let the range move (range: "moving")`,
  );
  const values: Float32Array[][] = blocks.map(() => []);
  await throughNetwork(merged, async (pass) => {
    for (const images of inPasses(arch, batch)) {
      const look = (params: Tensors, x: tf.Tensor4D): tf.Tensor[] =>
        sampleActivations(arch, params, x, batch.size);
      const sampled = await pass(images, look);
      sampled.forEach((each, block) => values[block]!.push(each));
    }
  });
  const ranges: Record<string, ActivationRange> = {};
  blocks.forEach(({ name }, i) => {
    const bits = activationBitsOf(scheme, name);
    if (bits === undefined) return;
    const quantMax = 2 ** bits - 1;
    ranges[name] = { min: 0, max: quantMax * mseStep(concatenate(values[i]!), { quantMin: 0, quantMax }) };
  });
  return checkRanges(ranges);
}

/** Values of each activation of a pass over `images`, which are part of `all` images, at even distances. */
function sampleActivations(
  arch: Architecture,
  params: Tensors,
  images: tf.Tensor4D,
  all: number,
): tf.Tensor1D[] {
  const seen: tf.Tensor1D[] = [];
  forwardMerged(arch, params, images, {
    activation: (_, x) => {
      const stride = Math.max(1, Math.floor(((x.size / x.shape[0]) * all) / sampledValues));
      seen.push(tf.stridedSlice(tf.reshape(x, [-1]), [0], [x.size], [stride]) as tf.Tensor1D);
      return x;
    },
  });
  return seen;
}

/** Runs `look` on some images and returns the values of its tensors. */
type Pass = (
  images: CalibrationImages,
  look: (params: Tensors, x: tf.Tensor4D) => tf.Tensor[],
) => Promise<Float32Array[]>;

/**
 * Calls `use` with a function that runs passes with the parameters of a network. A pass is compiled for each
 * number of images; `look` must be the same function of its arguments each time.
 */
async function throughNetwork(merged: StateDict, use: (pass: Pass) => Promise<void>): Promise<void> {
  const { params } = toVariables(merged);
  const compiled = new Map<string, Compiled<[Tensors, tf.Tensor4D], tf.Tensor[]>>();
  const pass: Pass = async (images, look) => {
    const x = toTensor(images);
    let seen: tf.Tensor[] = [];
    try {
      const key = x.shape.join();
      // Half precision would move the ranges.
      const run = compiled.get(key) ?? (await compile(look, [params, x], { precision: 'float32' }));
      compiled.set(key, run);
      seen = await run(params, x);
      return (await Promise.all(seen.map((tensor) => tensor.data()))) as Float32Array[];
    } finally {
      tf.dispose([x, seen]);
    }
  };
  try {
    await use(pass);
  } finally {
    await Promise.all([...compiled.values()].map((each) => each.dispose()));
    tf.dispose(params as tf.TensorContainer);
  }
}

/** The blocks that are quantized. @throws UserError when there are none */
export function blocksToQuantize(arch: Architecture): Block[] {
  const blocks = quantizedBlocks(arch);
  check(
    blocks.length > 0,
    'The network has one block, and the first stays in FP32: there is nothing to quantize',
  );
  return blocks;
}

/** `ranges`, unless one is not finite. @throws UserError naming its block */
export function checkRanges(ranges: ActivationRanges): ActivationRanges {
  for (const [block, { min, max }] of Object.entries(ranges)) {
    check(
      Number.isFinite(min) && Number.isFinite(max),
      `The activation that enters ${block} has the range ${min} … ${max}: the network overflows single precision there`,
    );
  }
  return ranges;
}

/** Images in one pass: enough for the engine to reach full speed. */
const imagesPerPass = 64;
/** Numbers in the activations of one pass, 0.4 GiB in each of the few copies that the engine keeps. */
const activationsPerPass = 1e8;

/** The images of a batch in passes of equal size, except the last, limited by memory. */
function* inPasses(arch: Architecture, { images, size }: CalibrationImages): Generator<CalibrationImages> {
  const pixels = images.length / size;
  const activations = activationsOf(arch, Math.sqrt(pixels / 3));
  const most = Math.min(imagesPerPass, Math.max(1, Math.floor(activationsPerPass / activations)));
  const count = Math.ceil(size / Math.ceil(size / most));
  for (let from = 0; from < size; from += count) {
    const part = images.subarray(from * pixels, (from + count) * pixels);
    yield { images: part, size: part.length / pixels };
  }
}

function toTensor({ images, size }: CalibrationImages): tf.Tensor4D {
  const side = Math.sqrt(images.length / size / 3);
  return tf.tensor4d(images, [size, side, side, 3]);
}
