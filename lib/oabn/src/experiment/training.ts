/**
 * Runs the training loop inside a run of the store: batches from the lab's data, checkpoints and metrics into
 * the run.
 */
import { canonicalJson, check } from 'oabn-base';
import type { RunContext } from 'provable-runs';
import type { Architecture, StateDict } from '../model/index.js';
import {
  downloadState,
  type EpochMetrics,
  halfPrecisionLossScale,
  type Position,
  type PretrainStepOptions,
  train,
  type TrainState,
  type TrainStep,
  uploadState,
} from '../train/index.js';
import type { Lab } from './lab.js';
import { type DataConfig, type TrainingConfig, trainingImages } from './settings.js';

/** A key for a step of `arch`: all that its function depends on, besides the shapes of its inputs. */
export function stepKey(arch: Architecture, step: PretrainStepOptions, more: object = {}): string {
  const { momentum, weightDecay, labelSmoothing, maxGradientNorm, decay, ema, regularizer, optimizer } = step;
  const of = { momentum, weightDecay, labelSmoothing, maxGradientNorm, decay, ema, regularizer, optimizer };
  return canonicalJson({ kind: 'step', arch, ...of, ...more });
}

/**
 * What the precision in which the lab's steps compute adds to the options of a step; it is no part of a run's
 * name.
 */
export function precisionOptions(
  { engine }: Pick<Lab, 'engine'>,
  batchSize: number,
): { readonly lossScale?: number } {
  const half = engine.kind === 'webgpu' && engine.precision === 'float16';
  return half ? { lossScale: halfPrecisionLossScale(batchSize) } : {};
}

/**
 * The steps of a run by their index, and a key that tells them from those of other runs: equal keys mean
 * equal functions.
 */
export interface Steps {
  readonly at: (index: number) => TrainStep;
  readonly keyAt: (index: number) => string;
}

export interface TrainRun {
  /** Its name in progress messages. */
  readonly task: string;
  readonly training: TrainingConfig;
  readonly data: DataConfig;
  readonly lab: Lab;
  readonly context: RunContext;
  /** The state before the first step. */
  readonly fresh: () => TrainState;
  readonly steps: Steps;
  /** What else is recorded of the state after each epoch. */
  readonly observe?: (state: TrainState) => Promise<Observed>;
}

/** Numbers that describe a state after an epoch, apart from its loss, by name. */
export type Observed = Readonly<Record<string, number>>;

/** The metrics of an epoch, with what was observed after it; older results have nothing observed. */
export type ObservedEpoch<O extends object> = EpochMetrics & Partial<O>;

/**
 * Trains from the run's last checkpoint, or from `fresh()`; returns the final state and the metrics of all
 * epochs.
 */
export async function trainRun({
  task,
  training,
  data,
  lab,
  context,
  fresh,
  steps,
  observe,
}: TrainRun): Promise<{ state: TrainState; epochs: EpochMetrics[] }> {
  const { batchSize, schedule, augment, seed } = training;
  const images = trainingImages(training, data, lab.train.size);
  check(
    batchSize <= images,
    () => `Training needs at least one whole batch: ${images} images are fewer than batchSize ${batchSize}`,
  );
  const { resumed } = context;
  const epochs = [...((resumed?.metrics ?? []) as unknown as readonly EpochMetrics[])];
  const position: Position | undefined = resumed && JSON.parse(resumed.metadata.position!);
  const state = await train(
    resumed ? uploadState(resumed.tensors as StateDict) : fresh(),
    {
      task,
      stepAt: steps.at,
      schedule,
      batchSize,
      stepsPerEpoch: Math.floor(images / batchSize),
      imageShape: lab.train.imageShape,
      batches: (epoch, startBatch) =>
        lab.train.batches({
          batchSize,
          seed,
          epoch,
          startBatch,
          augment,
          limit: images,
          shuffle: true,
          dropLast: true,
        }),
      onEpoch: async (metrics, current) => {
        const observed = { ...metrics, ...(await observe?.(current)) };
        epochs.push(observed);
        await context.logMetrics(observed);
      },
      onCheckpoint: async (at, current) => {
        const metadata = { position: JSON.stringify(at) };
        await context.saveCheckpoint(at.step, await downloadState(current), metadata);
      },
      progress: context.progress,
      signal: context.signal,
      prepare: (step, example, input, index) =>
        lab.compiled.get(`${steps.keyAt(index)} batch ${batchSize}`, () => step, [example, input]),
    },
    position,
  );
  return { state, epochs };
}
