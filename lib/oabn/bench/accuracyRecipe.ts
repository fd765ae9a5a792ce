/** What accuracy.ts trains, for both engines, and what they answer. */

/** The search's «C»; its values are those of lib/paper/scripts/recipes/cifar10.json. */
export const recipe = {
  widths: [32, 32, 64, 128],
  depths: [1, 2, 3, 2],
  strides: [2, 1, 2, 2],
  learningRate: 0.1,
  warmupEpochs: 0.5,
  batchSize: 128,
  momentum: 0.9,
  weightDecay: 5e-4,
  labelSmoothing: 0.1,
  translate: 2,
  seed: 100,
} as const;

type Recipe = typeof recipe;

/** recipe.json, with what the call decided. */
export interface AccuracyTask extends Recipe {
  readonly epochs: number;
  readonly threads: number;
  readonly images: number;
}

export interface EpochTime {
  /** From 1. */
  readonly epoch: number;
  /**
   * Since the training began, without the time in which accuracy was measured: on the clock, and of all
   * processors.
   */
  readonly seconds: number;
  readonly cpu: number;
  /** Share of the test images. */
  readonly accuracy: number;
  /** The largest resident memory so far. */
  readonly peakMiB: number;
}

export interface AccuracyRun {
  readonly engine: string;
  readonly version: string;
  readonly epochs: readonly EpochTime[];
}
