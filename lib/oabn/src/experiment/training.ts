/** Runs the training loop inside a run of the store: batches from the lab's data, checkpoints and metrics into the run. */
import { canonicalJson, check } from 'oabn-base';
import type { Architecture, StateDict } from '../model/index.js';
import {
  downloadState,
  type EpochMetrics,
  halfPrecisionLossScale,
  type Position,
  train,
  type TrainState,
  type TrainStep,
  uploadState,
} from '../train/index.js';
import {
  describeConfig,
  type PretrainTraining,
  type RunConfig,
  type TrainingConfig,
  trainingImages,
} from './config.js';
import type { Lab } from './lab.js';
import type { RunContext } from 'provable-runs';

/** A key for a step of `arch`: all that its function depends on, beside the shapes of its inputs. */
export function stepKey(arch: Architecture, training: TrainingConfig, more: object = {}): string {
  const { momentum, weightDecay, labelSmoothing, decay, ema }: PretrainTraining = training;
  const of = { momentum, weightDecay, labelSmoothing, decay, ema };
  return canonicalJson({ kind: 'step', arch, ...of, ...more });
}

/** The same for runs that compile the same function beside that of evaluation, and in most cases for no others. */
export function compiledKey(config: RunConfig): string {
  if (config.kind === 'pretrain') return stepKey(config.arch, config.training);
  const cluster = config.kind === 'finetune' ? config.cluster : null;
  return canonicalJson({ scheme: config.scheme, cluster });
}

/** What the precision that the lab's steps compute in adds to the options of one: no part of what a run is named by. */
export function precisionOptions({ engine }: Lab, batchSize: number): { readonly lossScale?: number } {
  const half = engine.kind === 'webgpu' && engine.precision === 'float16';
  return half ? { lossScale: halfPrecisionLossScale(batchSize) } : {};
}

type TrainedConfig = RunConfig & { readonly training: TrainingConfig };

/** The steps of a run by their index, and what tells them from those of other runs: equal keys, equal functions. */
export interface Steps {
  readonly at: (index: number) => TrainStep;
  readonly keyAt: (index: number) => string;
}

/** Trains from the run's last checkpoint, or from `fresh()`; returns the final state and the metrics of all epochs. */
export async function trainRun(
  config: TrainedConfig,
  lab: Lab,
  context: RunContext,
  fresh: () => TrainState,
  steps: Steps,
): Promise<{ state: TrainState; epochs: EpochMetrics[] }> {
  const { training } = config;
  const { batchSize, schedule, augment, seed } = training;
  const images = trainingImages(config, lab.train.size);
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
      task: describeConfig(config),
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
      onEpoch: async (metrics) => {
        epochs.push(metrics);
        await context.logMetrics({ ...metrics });
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
