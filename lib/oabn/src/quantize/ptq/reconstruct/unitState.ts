/**
 * A unit on its way to the engine and back: what is fixed of its layers, what is learned, and the layers it
 * ends as.
 */
import { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import { toHost, toTensor, type Tensors } from '../../../model/index.js';
import type { LayerTensors } from './activations.js';
import { zeroMoments } from './adam.js';
import { roundedKernel, roundingIntervals, type RoundingProblem } from './rounding.js';
import type { FixedLayer, FixedUnit, ReconstructionState } from './step.js';

/** What a method learns besides the roundings. */
export interface LearnedParts {
  /** The reach of each activation quantizer. */
  readonly learnsRanges: boolean;
  /** A gain for each group of weights that shares a scale, and a shift for each channel. */
  readonly learnsAffine: boolean;
}

/**
 * The quantizer of the activation that enters a layer, from 0 to `reach`; there is none where it stays in
 * FP32.
 */
export interface InputQuantizer {
  readonly reach: number;
  readonly bits: number;
}

/** A layer before learning. */
export interface UnitLayer {
  readonly rounding: RoundingProblem;
  /** [out] */
  readonly bias: Float32Array;
  readonly activation?: InputQuantizer;
  /** The mean of its full-precision output. */
  readonly meanOutput: number;
}

/** A layer after learning. */
export interface LearnedLayer {
  /** OIHW, on its levels. */
  readonly kernel: Float32Array;
  /** [out] */
  readonly bias: Float32Array;
  readonly activation?: InputQuantizer;
}

/** The fixed tensors of a unit: those of the layers are new, those of `rest` stay the caller's. */
export function fixedUnit(layers: readonly UnitLayer[], rest: readonly LayerTensors[]): FixedUnit {
  return { layers: layers.map(fixedLayer), rest };
}

function fixedLayer({ rounding, bias, activation, meanOutput }: UnitLayer): FixedLayer {
  const { low, width } = roundingIntervals(rounding);
  return {
    low: kernelTensor(rounding.shape, low),
    width: kernelTensor(rounding.shape, width),
    bias: tf.tensor1d(bias),
    shiftUnit: tf.scalar(meanOutput),
    ...(activation && {
      reach: tf.scalar(activation.reach),
      quantMax: tf.scalar(2 ** activation.bits - 1),
    }),
  };
}

/** What is learned, before the first step: the unit's output is then the one without rounding. */
export function initialState(
  layers: readonly UnitLayer[],
  { learnsRanges, learnsAffine }: LearnedParts,
): ReconstructionState {
  const params: Record<string, tf.Tensor> = {};
  layers.forEach(({ rounding, bias, activation }, i) => {
    params[`${i}.rounding`] = kernelTensor(rounding.shape, rounding.logits);
    if (learnsRanges && activation) params[`${i}.range`] = tf.scalar(1);
    if (!learnsAffine) return;
    params[`${i}.gain`] = tf.ones([rounding.scales.length]);
    params[`${i}.shift`] = tf.zeros([bias.length]);
  });
  return { params, moments: zeroMoments(params) };
}

/**
 * Layer i of the unit as it ends: roundings decided, and the affine layer y ↦ gain·y + shift absorbed: the
 * gain of a group of weights into its scale, which leaves the number of levels as it was, the shift into the
 * bias.
 */
export async function learnedLayer(
  { rounding, bias, activation, meanOutput }: UnitLayer,
  params: Tensors,
  i: number,
): Promise<LearnedLayer> {
  const logits = await toHost(params[`${i}.rounding`]!);
  const values = async (name: string): Promise<ArrayLike<number> | undefined> =>
    await params[`${i}.${name}`]?.data();
  const [gain, shift, range] = await Promise.all(['gain', 'shift', 'range'].map(values));
  return {
    kernel: roundedKernel(rounding, logits.data, gain),
    bias: shift ? bias.map((value, channel) => value + shift[channel]! * meanOutput) : bias,
    ...(activation && { activation: { ...activation, reach: activation.reach * (range?.[0] ?? 1) } }),
  };
}

/** A kernel's data [out,in,3,3] on the engine, in its layout. */
export function kernelTensor(shape: readonly number[], data: Float32Array): tf.Tensor4D {
  return toTensor({ shape, data } as HostTensor<Float32Array>) as tf.Tensor4D;
}
