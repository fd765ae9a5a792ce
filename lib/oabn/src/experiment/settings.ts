/**
 * What configurations of every kind contain: which data a run sees, and how it trains; checked, and in
 * canonical form.
 */
import { check, schema } from 'oabn-base';
import type { AugmentOptions } from '../data/index.js';
import { annealings, type PretrainStepOptions, type Schedule, type StepOptions } from '../train/index.js';

/** The images of a run, as its configuration names them. */
export interface DataConfig {
  /** The dataset's name, such as `cifar10`. */
  readonly name: string;
  /** Checksum of the source's bytes: the same name with other images is another run. */
  readonly checksum: string;
  /** Images that accuracy is measured on: the first of a fixed class-balanced order; `null` is all. */
  readonly testImages: number | null;
  /** Where in that order they begin; default 0. Images that a search has looked at are left to the search. */
  readonly firstTestImage?: number;
  /**
   * Measure accuracy on this many training images instead, which training leaves out: the last of their fixed
   * class-balanced order. What is chosen by such runs is then not chosen on test images.
   */
  readonly heldOut?: number;
}

/** What pretraining and fine-tuning share. */
export interface TrainingConfig extends Omit<StepOptions, 'lossScale' | 'maxGradientNorm'> {
  /** Training images: the first of a fixed class-balanced order; `null` is all. */
  readonly images: number | null;
  /** Images per step. */
  readonly batchSize: number;
  /** The epochs, and the learning rate over them. */
  readonly schedule: Schedule;
  /** Variation of the images: none, the dataset's usual one, or that with options. */
  readonly augment: boolean | AugmentOptions;
  /** Seed of whatever training draws at random. */
  readonly seed: number;
}

/** What pretraining alone has. */
export interface PretrainTraining
  extends TrainingConfig, Pick<PretrainStepOptions, 'decay' | 'ema' | 'regularizer' | 'optimizer'> {}

const { below, either, flag, integer, notNegative, nullable, object, oneOf, positive, text, whole } = schema;

export const dataRule = object(
  { name: text, checksum: text, testImages: nullable(whole(1)) },
  { firstTestImage: whole(0), heldOut: whole(1) },
);

const trainingMembers = {
  images: nullable(whole(1)),
  batchSize: whole(1),
  schedule: object(
    { learningRate: positive, warmupEpochs: notNegative, epochs: whole(1) },
    { annealing: oneOf(...annealings) },
  ),
  augment: either((value) =>
    typeof value === 'boolean'
      ? flag
      : object(
          {},
          {
            flip: oneOf('random', 'alternating'),
            translate: whole(0),
            padding: oneOf('black', 'reflect'),
          },
        ),
  ),
  seed: integer,
  momentum: below(1),
  weightDecay: notNegative,
  labelSmoothing: below(1),
};

/** The members that all training settings have, with those that a kind adds. */
export const trainingRule = (more: Readonly<Record<string, schema.Rule>> = {}): schema.Rule =>
  object(trainingMembers, more);

/**
 * With held-out images, the choice of test images makes no difference. @throws UserError naming what is out
 * of range
 */
export function normalizeData(data: DataConfig): DataConfig {
  dataRule(data, 'data');
  const { name, checksum, heldOut } = data;
  if (heldOut === undefined) return data;
  return { name, checksum, testImages: null, heldOut };
}

/** How many of `available` training images a run trains on. @throws UserError when none are left */
export function trainingImages(
  { images }: Pick<TrainingConfig, 'images'>,
  { heldOut = 0 }: Pick<DataConfig, 'heldOut'>,
  available: number,
): number {
  check(
    heldOut < available,
    () => `data.heldOut must be less than the ${available} training images, got ${heldOut}`,
  );
  return Math.min(available - heldOut, images ?? available);
}

/** The steps of a training run where there are `available` training images. */
export function trainingSteps(training: TrainingConfig, data: DataConfig, available: number): number {
  const { batchSize, schedule } = training;
  return Math.floor(trainingImages(training, data, available) / batchSize) * schedule.epochs;
}

/**
 * Checked, with defaults left out, so that runs from before an option existed keep their names.
 * @throws UserError naming what is out of range
 */
export function normalizeTraining<T extends TrainingConfig>(training: T): T {
  trainingRule()(training, 'training');
  const { epochs, warmupEpochs } = training.schedule;
  check(
    warmupEpochs < epochs,
    `training.schedule.warmupEpochs must be less than epochs = ${epochs}, got ${warmupEpochs}`,
  );
  const { annealing = 'cosine', ...schedule } = training.schedule;
  return {
    ...training,
    schedule: { ...schedule, ...(annealing !== 'cosine' && { annealing }) },
    augment: normalizeAugment(training.augment),
  };
}

function normalizeAugment(augment: TrainingConfig['augment']): TrainingConfig['augment'] {
  if (typeof augment !== 'object') return augment;
  const { flip = 'random', translate, padding = 'black' } = augment;
  const options = {
    ...(flip !== 'random' && { flip }),
    ...(translate !== undefined && { translate }),
    ...(padding !== 'black' && { padding }),
  };
  return Object.keys(options).length > 0 ? options : true;
}

/** @throws UserError unless `value` is one of `known` */
export function checkOneOf(name: string, value: string, known: readonly string[]): void {
  check(known.includes(value), `${name} must be one of ${known.join(', ')}, got ${JSON.stringify(value)}`);
}
