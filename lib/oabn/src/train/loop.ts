/**
 * The training loop: batches in, metrics and checkpoints out. It knows nothing of the network; a `TrainStep`
 * is all it runs. What it resumes from is the step's number and state: batches, augmentation and learning
 * rate are pure functions of that number, so that a killed run and an uninterrupted one end with the same
 * bits.
 */
import { tf } from 'tfjs-native';
import { cellSignal, type Progress, silent, UserError } from 'oabn-base';
import type { Batch } from '../data/index.js';
import { lateMetrics, type LateMetrics, type StepTaken } from './lateMetrics.js';
import { learningRateAt, type Schedule } from './schedule.js';
import { disposeState } from './state.js';
import type { StepInput, StepResult, TrainState, TrainStep } from './step.js';

/** What a step needs of a batch. */
export type LabelledBatch = Pick<Batch, 'images' | 'labels' | 'size'>;

/** [H, W, 3] */
export type ImageShape = readonly [number, number, number];

/** Where a run stands between two steps, besides its state. */
export interface Position {
  /** Steps taken. */
  readonly step: number;
  /** Sums over the steps of the epoch so far, for its mean loss and accuracy. */
  readonly lossSum: number;
  /** Images of the epoch so far that were classified correctly. */
  readonly correctSum: number;
}

/** The outcome of an epoch of training. */
export interface EpochMetrics {
  /** Epochs finished, from 1. */
  readonly epoch: number;
  /** Steps taken since the beginning of training. */
  readonly step: number;
  /** That of the last step. */
  readonly learningRate: number;
  /** Means over the epoch's batches, while the weights were changing. */
  readonly trainLoss: number;
  /** In [0, 1]. */
  readonly trainAccuracy: number;
}

/** What the loop trains on, with which steps, and what it reports. */
export interface LoopOptions {
  /** What the progress says is being trained. */
  readonly task: string;
  /** The step with the given index, from 0. */
  readonly stepAt: (index: number) => TrainStep;
  /** The epochs, and the learning rate over them. */
  readonly schedule: Schedule;
  /** Images per step. */
  readonly batchSize: number;
  /** Steps in an epoch. */
  readonly stepsPerEpoch: number;
  /** [H, W, 3] */
  readonly imageShape: ImageShape;
  /** The batches of `epoch` (from 0) from `startBatch` on, all of `batchSize` images. */
  readonly batches: (epoch: number, startBatch: number) => AsyncIterable<LabelledBatch>;
  /** Prepares the step with the given index, once for each function; default: it runs eagerly. */
  readonly prepare?: (
    step: TrainStep,
    state: TrainState,
    input: StepInput,
    index: number,
  ) => Promise<RunStep>;
  /** Called at the end of each epoch; it must not dispose of the state. */
  readonly onEpoch?: (metrics: EpochMetrics, state: TrainState) => Promise<void>;
  /** Called at the end of each epoch, and every `checkpointSeconds` (default 60) in between. */
  readonly onCheckpoint?: (position: Position, state: TrainState) => Promise<void>;
  /** Seconds between checkpoints within an epoch; default 60. */
  readonly checkpointSeconds?: number;
  /** Called after steps; default: no progress is reported. */
  readonly progress?: Progress;
  /**
   * When aborted, ends training between two steps, after a checkpoint; default in a notebook: the stop
   * button.
   */
  readonly signal?: AbortSignal;
}

/** A step that is ready to run, such as a compiled one. */
export type RunStep = (state: TrainState, input: StepInput) => StepResult | Promise<StepResult>;

/**
 * A loss that is NaN or infinite. Says what, where and what to do; the last checkpoint is from before and
 * still good.
 */
export class NonFiniteLossError extends UserError {
  override readonly name = 'NonFiniteLossError';
}

/** Runs a step as written, one engine call per operation. */
export const eagerly = (step: TrainStep): RunStep => {
  return (state, input) => tf.tidy(() => step(state, input) as never) as unknown as StepResult;
};

/**
 * Trains from `state` (which is consumed) at `position` to the end of the schedule, and returns the final
 * state.
 * @throws NonFiniteLossError at the first loss that is not finite; the signal's reason when aborted.
 */
export async function train(
  state: TrainState,
  options: LoopOptions,
  position: Position = { step: 0, lossSum: 0, correctSum: 0 },
): Promise<TrainState> {
  const { schedule, stepsPerEpoch, signal = cellSignal() } = options;
  const run = preparedSteps(options);
  const show = progressOf(options);
  const metrics = lateMetrics(position, (loss, taken) => nonFinite(options, loss, taken));
  let { step } = position;
  let savedAt = performance.now();
  const save = async (): Promise<void> => {
    await metrics.read(0);
    await options.onCheckpoint?.({ step, ...metrics.sums }, state);
    savedAt = performance.now();
  };

  try {
    for (let epoch = Math.floor(step / stepsPerEpoch); epoch < schedule.epochs; epoch++) {
      const end = (epoch + 1) * stepsPerEpoch;
      for await (const batch of options.batches(epoch, step % stepsPerEpoch)) {
        if (signal?.aborted) {
          // The steps since the last checkpoint are kept, unless it was the run's lock that was lost, in
          // which case this fails too.
          await save().catch(() => undefined);
          signal.throwIfAborted();
        }
        const learningRate = learningRateAt(schedule, step, stepsPerEpoch);
        const input = toInput(batch, options.imageShape, learningRate);
        const result = await run(step, state, input).finally(() => tf.dispose(Object.values(input)));
        disposeState(state, result.state);
        state = result.state;
        metrics.add({ step, learningRate, metrics: result.metrics });
        step++;
        await metrics.read(step === end ? 0 : 4);
        // A progress callback may throw to end the work; the steps are saved first.
        if (signal?.aborted) continue;
        show(step, metrics);
        const due = performance.now() - savedAt > 1000 * (options.checkpointSeconds ?? 60);
        if (due && step < end) await save();
      }
      if (step !== end) throw wrongCount(options, epoch, step);
      await options.onEpoch?.(outcomeOf(options, epoch, metrics.sums), state);
      metrics.reset();
      await save();
    }
    return state;
  } catch (error) {
    // The process may go on, as a notebook does after an interrupted cell: it needs the memory.
    metrics.dispose();
    disposeState(state);
    throw error;
  }
}

/** Runs the step with the given index, prepared the first time that its function comes. */
function preparedSteps({ stepAt, prepare }: LoopOptions) {
  const prepared = new Map<TrainStep, RunStep>();
  return async (index: number, state: TrainState, input: StepInput): Promise<StepResult> => {
    const step = stepAt(index);
    let run = prepared.get(step);
    if (!run) {
      run = prepare ? await prepare(step, state, input, index) : eagerly(step);
      prepared.set(step, run);
    }
    return await run(state, input);
  };
}

/** Reports how far the epoch is, after `step` steps of the training. */
function progressOf({ task, schedule, stepsPerEpoch, batchSize, progress = silent }: LoopOptions) {
  // When the last steps ended: images a second are those of now, not of a step that was compiled long ago.
  const ends: number[] = [];
  return (step: number, { sums, unread }: LateMetrics): void => {
    const epoch = Math.ceil(step / stepsPerEpoch);
    const done = step - (epoch - 1) * stepsPerEpoch;
    const read = done - unread;
    ends.push(performance.now());
    if (ends.length > 50) ends.shift();
    const seconds = (ends.at(-1)! - ends[0]!) / 1000;
    progress({
      task: `${task} epoch ${epoch}/${schedule.epochs}`,
      done,
      total: stepsPerEpoch,
      fields: {
        ...(read > 0 && {
          loss: sums.lossSum / read,
          acc: `${((100 * sums.correctSum) / read / batchSize).toFixed(1)}%`,
        }),
        ...(seconds > 0 && { 'img/s': ((ends.length - 1) * batchSize) / seconds }),
      },
    });
  };
}

/** What came of an epoch, by the sums over its steps. */
function outcomeOf(
  { schedule, stepsPerEpoch, batchSize }: LoopOptions,
  epoch: number,
  { lossSum, correctSum }: LateMetrics['sums'],
): EpochMetrics {
  const step = (epoch + 1) * stepsPerEpoch;
  return {
    epoch: epoch + 1,
    step,
    learningRate: learningRateAt(schedule, step - 1, stepsPerEpoch),
    trainLoss: lossSum / stepsPerEpoch,
    trainAccuracy: correctSum / stepsPerEpoch / batchSize,
  };
}

function toInput(batch: LabelledBatch, imageShape: ImageShape, learningRate: number): StepInput {
  return {
    images: tf.tensor4d(batch.images, [batch.size, ...imageShape]),
    labels: tf.tensor1d(batch.labels, 'int32'),
    learningRate: tf.scalar(learningRate),
  };
}

function wrongCount({ task, batchSize, stepsPerEpoch }: LoopOptions, epoch: number, step: number): UserError {
  const batches = step - epoch * stepsPerEpoch;
  return new UserError(
    `${task}: epoch ${epoch + 1} gave ${batches} batches of ${batchSize}, expected ${stepsPerEpoch}`,
  );
}

function nonFinite(
  { task, stepsPerEpoch }: LoopOptions,
  loss: number,
  { step, learningRate }: StepTaken,
): NonFiniteLossError {
  const epoch = Math.floor(step / stepsPerEpoch) + 1;
  return new NonFiniteLossError(
    `${task}: the loss is ${loss} at step ${step + 1} (epoch ${epoch}, learning rate ${learningRate.toPrecision(3)}). ` +
      'Lower the learning rate or lengthen the warm-up; the last checkpoint was saved before this step.',
  );
}
