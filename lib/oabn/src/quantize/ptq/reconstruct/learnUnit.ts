/** Learns one unit: minibatches through the compiled step, until each weight has its rounding. */
import { tf } from 'tfjs-native';
import { check, type Progress } from 'oabn-base';
import { type Activations, type LayerTensors, takeImages, toBatch } from './activations.js';
import type { CompileOnce } from './compileOnce.js';
import { biasCorrections } from './adam.js';
import { batchIndices, keepMask } from './minibatches.js';
import { betaAt, warmUp } from './rounding.js';
import { type Minibatch, type ReconstructionStep, reconstructionStep, type StepSchedule } from './step.js';
import {
  fixedUnit,
  initialState,
  type LearnedLayer,
  learnedLayer,
  type LearnedParts,
  type UnitLayer,
} from './unitState.js';
import { type Unit, unitName } from './units.js';

/** What is learned and how, the same for all units. */
export interface LearningOptions extends LearnedParts {
  readonly error: 'squared' | 'absolute';
  /** λ of the rounding regularizer. */
  readonly regularization: number;
  /**
   * Adam's learning rate × steps: how far a parameter can go, at most `largestRate` a step. For roundings AdaRound's
   * 10,000 steps at 10⁻³ make 10, the 20,000 of BRECQ's and QDrop's code 20.
   */
  readonly travel: { readonly rounding: number; readonly range: number; readonly affine: number };
  /** The probability with which the quantization of an element of an activation is dropped in a step. */
  readonly dropProbability: number;
  readonly iterations: number;
  readonly batchSize: number;
}

/** The largest rate of any parameter: a tenth of its initial value, or of the logits' unit. */
const largestRate = 0.1;

export interface LearningContext {
  readonly seed: number;
  /** Its name in progress messages. */
  readonly task: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly compileOnce: CompileOnce;
}

/** A unit and its activations for all calibration images. */
export interface UnitData {
  readonly unit: Unit;
  readonly layers: readonly UnitLayer[];
  /** The rest of the stage in full precision; empty unless its output is compared. */
  readonly rest: readonly LayerTensors[];
  /**
   * What enters behind the quantized part of the network, and what the full-precision unit and stage give.
   */
  readonly input: Activations;
  readonly target: Activations;
  readonly stageTarget?: Activations;
  /** The weight of each squared error of the output. */
  readonly importance?: Activations;
  /** With dropping: what enters the unit in the full-precision network. */
  readonly fullInput?: Activations;
}

/**
 * The unit's layers after the steps. @throws UserError when an error is not finite; the signal's reason when
 * aborted
 */
export async function learnUnit(
  data: UnitData,
  options: LearningOptions,
  context: LearningContext,
): Promise<LearnedLayer[]> {
  const { iterations } = options;
  const { progress, signal } = context;
  const task = `${context.task} ${unitName(data.unit)}`;
  const unit = fixedUnit(data.layers, data.rest);
  let state = initialState(data.layers, options);
  let run: ReconstructionStep | Awaited<ReturnType<typeof compiledStep>> | undefined;
  let error = Number.NaN;
  try {
    for (let i = 0; i < iterations; i++) {
      signal?.throwIfAborted();
      const batch = minibatch(data, options, context.seed, i);
      const schedule = scheduleAt(i, options);
      run ??= await compiledStep(data.unit, options, context, [state, unit, batch, schedule]);
      const next = await run(state, unit, batch, schedule);
      tf.dispose([state, batch, schedule] as unknown as tf.TensorContainer);
      state = next.state;
      // Reading a value waits for the engine.
      if (i % 25 === 0 || i === iterations - 1) error = (await next.error.data())[0]!;
      next.error.dispose();
      check(Number.isFinite(error), `${task}: the error of the output is ${error} at step ${i + 1}`);
      progress({ task, done: i + 1, total: iterations, fields: { error } });
    }
    return await Promise.all(data.layers.map((layer, i) => learnedLayer(layer, state.params, i)));
  } finally {
    tf.dispose([state, unit.layers] as unknown as tf.TensorContainer);
  }
}

/** The step of a unit, the same for all units of equal shape. */
function compiledStep(
  { layers, rest }: Unit,
  { error }: LearningOptions,
  { compileOnce }: LearningContext,
  example: Parameters<ReconstructionStep>,
) {
  const strides = layers.map(({ stride }) => stride);
  const hasRest = example[1].rest.length > 0;
  const restStrides = hasRest ? rest.map(({ stride }) => stride) : [];
  const form = { strides, restStrides, error };
  return compileOnce('step', form, () => reconstructionStep(form), example);
}

function minibatch(
  { unit, input, target, stageTarget, importance, fullInput }: UnitData,
  { batchSize, dropProbability }: LearningOptions,
  seed: number,
  step: number,
): Minibatch {
  const images = input.shape[0]!;
  const size = Math.min(batchSize, images);
  const name = unitName(unit);
  const indices = batchIndices(images, size, seed, name, step);
  const take = (from: Activations): tf.Tensor4D => toBatch(takeImages(from, indices), from, size);
  const batch = {
    input: take(input),
    target: take(target),
    ...(stageTarget && { stageTarget: take(stageTarget) }),
    ...(importance && { importance: take(importance) }),
  };
  if (!fullInput) return batch;
  let side = input.shape[1]!;
  const keep = unit.layers.map(({ inChannels, stride }, i) => {
    const mask = keepMask(size * side * side * inChannels, dropProbability, seed, name, i, step);
    const tensor = tf.tensor4d(mask, [size, side, side, inChannels]);
    side = Math.ceil(side / stride);
    return tensor;
  });
  return { ...batch, fullInput: take(fullInput), keep };
}

function scheduleAt(step: number, { iterations, travel, regularization }: LearningOptions): StepSchedule {
  const progress = step / iterations;
  const { first, second } = biasCorrections(step + 1);
  // Ranges and affine layers: cosine annealing to 0, as BRECQ's authors do.
  const cosine = (1 + Math.cos(Math.PI * progress)) / 2;
  const rate = (way: number): number => Math.min(largestRate, way / iterations);
  return {
    corrections: { first: tf.scalar(first), second: tf.scalar(second) },
    beta: tf.scalar(betaAt(progress)),
    regularization: tf.scalar(progress < warmUp ? 0 : regularization),
    rates: {
      rounding: tf.scalar(rate(travel.rounding)),
      range: tf.scalar(rate(travel.range) * cosine),
      affine: tf.scalar(rate(travel.affine) * cosine),
    },
  };
}
