/** What configurations of every kind are made of: which data a run sees, and how it trains; checked, and in one form. */
import { check } from 'oabn-base';
import type { AugmentOptions } from '../data/index.js';
import { annealings, type PretrainStepOptions, type Schedule, type StepOptions } from '../train/index.js';

export interface DataConfig {
  readonly name: string;
  /** Of the source's bytes: the same name with other images is another run. */
  readonly checksum: string;
  /** Images that accuracy is measured on: the first of a fixed class-balanced order; `null` is all. */
  readonly testImages: number | null;
  /** Where in that order they begin; default 0. Images that a search looked at are left to the search. */
  readonly firstTestImage?: number;
  /**
   * Measure accuracy on so many training images instead, which training leaves out: the last of their fixed
   * class-balanced order. What is chosen by such a run is not chosen on test images.
   */
  readonly heldOut?: number;
}

/** What pretraining and fine-tuning share. */
export interface TrainingConfig extends Omit<StepOptions, 'lossScale'> {
  /** Training images: the first of a fixed class-balanced order; `null` is all. */
  readonly images: number | null;
  readonly batchSize: number;
  readonly schedule: Schedule;
  /** Variation of the images: none, the dataset's usual one, or that with options. */
  readonly augment: boolean | AugmentOptions;
  readonly seed: number;
}

/** What pretraining alone has. */
export interface PretrainTraining
  extends TrainingConfig, Pick<PretrainStepOptions, 'decay' | 'ema' | 'regularizer'> {}

/** With held-out images, which test images there are makes no difference. @throws UserError naming what is out of range */
export function normalizeData(data: DataConfig): DataConfig {
  const { name, checksum, heldOut } = data;
  if (heldOut === undefined) return data;
  checkWhole('data.heldOut', heldOut);
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
 * Checked, with what is usual left out, so that runs from before an option keep their names.
 * @throws UserError naming what is out of range
 */
export function normalizeTraining<T extends TrainingConfig>(training: T): T {
  checkTraining(training);
  const { annealing = 'cosine', ...schedule } = training.schedule;
  checkOneOf('schedule.annealing', annealing, annealings);
  return {
    ...training,
    schedule: { ...schedule, ...(annealing !== 'cosine' && { annealing }) },
    augment: normalizeAugment(training.augment),
  };
}

function normalizeAugment(augment: TrainingConfig['augment']): TrainingConfig['augment'] {
  if (typeof augment !== 'object') return augment;
  const { flip = 'random', translate, padding = 'black' } = augment;
  checkOneOf('augment.flip', flip, ['random', 'alternating']);
  checkOneOf('augment.padding', padding, ['black', 'reflect']);
  check(
    translate === undefined || (Number.isInteger(translate) && translate >= 0),
    `augment.translate must be a whole number of pixels, got ${translate}`,
  );
  const options = {
    ...(flip !== 'random' && { flip }),
    ...(translate !== undefined && { translate }),
    ...(padding !== 'black' && { padding }),
  };
  return Object.keys(options).length > 0 ? options : true;
}

function checkTraining(training: TrainingConfig): void {
  checkWhole('batchSize', training.batchSize);
  if (training.images !== null) checkWhole('images', training.images);
  checkWhole('epochs', training.schedule.epochs);
  check(
    training.momentum >= 0 && training.momentum < 1,
    `momentum must be in [0, 1), got ${training.momentum}`,
  );
  check(training.weightDecay >= 0, `weightDecay must be ≥ 0, got ${training.weightDecay}`);
  check(
    training.labelSmoothing >= 0 && training.labelSmoothing < 1,
    `labelSmoothing must be in [0, 1), got ${training.labelSmoothing}`,
  );
  check(Number.isInteger(training.seed), `seed must be a whole number, got ${training.seed}`);
}

/** @throws UserError unless `value` is a whole number above 0 */
export function checkWhole(name: string, value: number): void {
  check(Number.isInteger(value) && value > 0, `${name} must be a whole number > 0, got ${value}`);
}

/** @throws UserError unless `value` is one of `known` */
export function checkOneOf(name: string, value: string, known: readonly string[]): void {
  check(known.includes(value), `${name} must be one of ${known.join(', ')}, got ${JSON.stringify(value)}`);
}
