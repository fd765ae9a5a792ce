/**
 * One step of reconstruction as a pure function: the unit runs on a minibatch with soft roundings and
 * quantized activations, its output is compared with the full-precision one, and Adam moves what is learned.
 * Everything that changes from step to step comes in as tensors, so units of equal shape share one compiled
 * step at any bits.
 */
import { tf } from 'tfjs-native';
import type { Tensors } from '../../../model/index.js';
import { type LayerTensors, runLayer } from './activations.js';
import { adamStep, type BiasCorrections, type Moments } from './adam.js';
import { quantizeLearnedRange } from './learnedRange.js';
import { rectifiedSigmoid, roundingRegularizer } from './rounding.js';

/**
 * What a unit learns, by layer index: `0.rounding`, and as the method has them `0.range`,
 * `0.gain`, `0.shift`.
 */
export interface ReconstructionState {
  readonly params: Tensors;
  readonly moments: Moments;
}

/** The part of a layer that stays fixed: with the state, it makes up the quantized layer. */
export interface FixedLayer {
  /** [3,3,in,out]: the lower end of each weight's rounding interval, and the interval's width. */
  readonly low: tf.Tensor4D;
  readonly width: tf.Tensor4D;
  /** [out] */
  readonly bias: tf.Tensor1D;
  /** The unit of `shift`: the mean of the layer's full-precision output. */
  readonly shiftUnit: tf.Scalar;
  /**
   * The reach of the input's quantizer at first and its largest level; absent where the input stays in FP32.
   */
  readonly reach?: tf.Scalar;
  readonly quantMax?: tf.Scalar;
}

export interface FixedUnit {
  readonly layers: readonly FixedLayer[];
  /** The rest of the stage in full precision; empty unless its output is compared too. */
  readonly rest: readonly LayerTensors[];
}

/** A minibatch: activations [batch, h, w, channels] of the same images. */
export interface Minibatch {
  /** What enters the unit behind the quantized part of the network. */
  readonly input: tf.Tensor4D;
  /** The unit's output in the full-precision network. */
  readonly target: tf.Tensor4D;
  /** The stage's output there; absent where the unit ends the stage, or the stage is not compared. */
  readonly stageTarget?: tf.Tensor4D;
  /** The weight of each squared error; default 1. */
  readonly importance?: tf.Tensor4D;
  /**
   * With dropping: what enters the unit in the full-precision network, and where each layer's input is
   * quantized.
   */
  readonly fullInput?: tf.Tensor4D;
  readonly keep?: readonly tf.Tensor4D[];
}

/** What changes over the steps. */
export interface StepSchedule {
  readonly corrections: BiasCorrections;
  readonly beta: tf.Scalar;
  /** λ of the regularizer. */
  readonly regularization: tf.Scalar;
  readonly rates: { readonly rounding: tf.Scalar; readonly range: tf.Scalar; readonly affine: tf.Scalar };
}

export interface StepForm {
  readonly strides: readonly number[];
  readonly restStrides: readonly number[];
  readonly error: 'squared' | 'absolute';
}

export type ReconstructionStep = (
  state: ReconstructionState,
  unit: FixedUnit,
  batch: Minibatch,
  schedule: StepSchedule,
) => { state: ReconstructionState; error: tf.Scalar };

/** The step of a unit of the given form; `error` is that of the output, without the regularizer. */
export function reconstructionStep(form: StepForm): ReconstructionStep {
  return (state, unit, batch, schedule) => {
    const names = Object.keys(state.params);
    let error: tf.Scalar | undefined;
    const objective = (...tensors: tf.Tensor[]): tf.Scalar => {
      const params = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      error = outputError(form, params, unit, batch);
      // The engine frees what a differentiated function does not return.
      tf.keep(error);
      const regularizers = unit.layers.map((_, i) =>
        roundingRegularizer(rectifiedSigmoid(params[`${i}.rounding`]!), schedule.beta),
      );
      return tf.add(
        error,
        tf.mul(
          regularizers.reduce((sum, term) => tf.add(sum, term)),
          schedule.regularization,
        ),
      ) as tf.Scalar;
    };
    const { grads } = tf.valueAndGrads(objective)(names.map((name) => state.params[name]!));
    const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i]!]));
    const next = adamStep(state.params, gradients, state.moments, schedule.corrections, (name) =>
      rateOf(name, schedule.rates),
    );
    return { state: next, error: error! };
  };
}

/**
 * What reconstruction makes small: the error of the unit's output, and of the stage's where that is given.
 */
export function outputError(
  { strides, restStrides, error }: StepForm,
  params: Tensors,
  unit: FixedUnit,
  batch: Minibatch,
): tf.Scalar {
  const output = runUnit(strides, params, unit, batch);
  const own = meanError(output, batch.target, error, batch.importance);
  if (!batch.stageTarget) return own;
  const stage = unit.rest.reduce((x, layer, i) => runLayer(x, layer, restStrides[i]!), output);
  return tf.add(own, meanError(stage, batch.stageTarget, error));
}

/** The unit's output with soft roundings. */
export function runUnit(
  strides: readonly number[],
  params: Tensors,
  { layers }: FixedUnit,
  { input, fullInput, keep }: Pick<Minibatch, 'input' | 'fullInput' | 'keep'>,
): tf.Tensor4D {
  return layers.reduce((x, layer, i) => {
    const member = (name: string): tf.Tensor | undefined => params[`${i}.${name}`];
    const quantized = quantizeInput(x, layer, member('range'));
    const mask = keep?.[i];
    const entering = mask ? mix(mask, quantized, i === 0 ? fullInput! : x) : quantized;
    const kernel = tf.add(layer.low, tf.mul(layer.width, rectifiedSigmoid(member('rounding')!)));
    const [gain, shift] = [member('gain'), member('shift')];
    const bias = shift ? tf.add(layer.bias, tf.mul(shift, layer.shiftUnit)) : layer.bias;
    const scaled = gain ? tf.mul(kernel, gain) : kernel;
    return runLayer(entering, { kernel: scaled as tf.Tensor4D, bias: bias as tf.Tensor1D }, strides[i]!);
  }, input);
}

function quantizeInput(x: tf.Tensor4D, { reach, quantMax }: FixedLayer, range?: tf.Tensor): tf.Tensor4D {
  if (!reach || !quantMax) return x;
  return quantizeLearnedRange(x, (range ? tf.mul(reach, range) : reach) as tf.Scalar, quantMax);
}

/** `a` where the mask is 1, `b` where it is 0. */
function mix(mask: tf.Tensor4D, a: tf.Tensor4D, b: tf.Tensor4D): tf.Tensor4D {
  return tf.add(b, tf.mul(mask, tf.sub(a, b)));
}

/** The error summed over the channels, averaged over images and places. */
function meanError(
  output: tf.Tensor4D,
  target: tf.Tensor4D,
  error: StepForm['error'],
  importance?: tf.Tensor4D,
): tf.Scalar {
  const difference = tf.sub(output, target);
  const each = error === 'squared' ? tf.square(difference) : tf.abs(difference);
  const places = output.size / output.shape[3];
  return tf.div(tf.sum(importance ? tf.mul(each, importance) : each), places);
}

function rateOf(name: string, rates: StepSchedule['rates']): tf.Scalar {
  if (name.endsWith('.rounding')) return rates.rounding;
  return name.endsWith('.range') ? rates.range : rates.affine;
}
