/**
 * The defaults of configurations: a small network on part of CIFAR-10, minutes on two cores. A lab
 * is opened with these, or with others, and every configuration made for it begins there.
 */
import type { DatasetName } from '../data/index.js';
import { type Architecture, normalizeArchitecture } from '../model/index.js';
import type { WeightMethod } from '../quantize/index.js';
import type { PretrainTraining, TrainingConfig } from './settings.js';

/** Training settings without a seed. */
export type TrainingRecipe = Omit<TrainingConfig, 'seed'>;

/** Settings of pretraining without a seed. */
export type PretrainRecipe = Omit<PretrainTraining, 'seed'>;

/** What configurations made for a lab have where they say nothing else. */
export interface RunDefaults {
  /** The dataset, and how many of its test images accuracy is measured on; `null` is all. */
  readonly data: { readonly name: DatasetName; readonly testImages: number | null };
  /** Without OABN; a configuration's threshold is put on it. */
  readonly arch: Architecture;
  /** Settings of pretraining. */
  readonly pretraining: PretrainRecipe;
  /** One for each kind of weights, because the best learning rates differ. */
  readonly finetuning: Readonly<Record<WeightMethod, TrainingRecipe>>;
  /** Training images for calibrating activations. */
  readonly calibrationImages: number;
}

/** A recipe in its main numbers: images (`null` is all), batch, epochs, and the highest learning rate. */
export interface RecipeOptions extends Partial<Omit<PretrainRecipe, 'schedule'>> {
  /** Training images; `null` is all of them. */
  readonly images: number | null;
  /** Images per step. */
  readonly batchSize: number;
  /** Passes over the images. */
  readonly epochs: number;
  /** The highest rate, at the end of the warm-up. */
  readonly learningRate: number;
}

/**
 * Training on `images` for `epochs`, of which an eighth, at most one, is warm-up; the rest as usual for
 * CIFAR.
 */
export function trainingRecipe({ epochs, learningRate, ...changes }: RecipeOptions): PretrainRecipe {
  return {
    schedule: { learningRate, warmupEpochs: Math.min(1, epochs / 8), epochs },
    momentum: 0.9,
    weightDecay: 5e-4,
    labelSmoothing: 0,
    augment: true,
    ...changes,
  };
}

/**
 * The same for both kinds of weights, at a rate between their best ones; table 4's notebook shows the search.
 */
export function finetuningRecipes(options: Omit<RecipeOptions, 'learningRate'>): RunDefaults['finetuning'] {
  const recipe = trainingRecipe({ ...options, learningRate: 3e-3, weightDecay: 0 });
  return { uniform: recipe, cluster: recipe };
}

/** Small enough to train in half a minute, deep enough to have six identity branches. */
export const smallNetwork: Architecture = normalizeArchitecture({
  widths: [16, 32, 32, 64, 64],
  depths: [1, 2, 2, 3, 1],
  strides: [2, 2, 1, 2, 1],
  classes: 10,
});

/** The defaults of a lab that is opened without any. */
export const runDefaults: RunDefaults = {
  data: { name: 'cifar10', testImages: 2_000 },
  arch: smallNetwork,
  // One pass over many images beats several over few, and then every image is new without augmentation.
  pretraining: trainingRecipe({
    images: 20_000,
    batchSize: 64,
    epochs: 1,
    learningRate: 0.1,
    augment: false,
    decay: 'kernelsAndIdentity',
  }),
  finetuning: finetuningRecipes({ images: 4_800, batchSize: 64, epochs: 1 }),
  calibrationImages: 512,
};
