/**
 * The learning rate over a run: a linear warm-up, then half a cosine (arXiv 1608.03983) or a straight line to
 * zero.
 */
import { check } from 'oabn-base';

/** How the learning rate goes: up during the warm-up, then down to zero. */
export interface Schedule {
  /** The highest learning rate, at the end of the warm-up. */
  readonly learningRate: number;
  /** Epochs of linear warm-up; may be a fraction. */
  readonly warmupEpochs: number;
  /** The whole length of training, with the warm-up. */
  readonly epochs: number;
  /** The way from the highest rate to zero; default `cosine`. */
  readonly annealing?: Annealing;
}

/** The ways down from the highest rate. */
export const annealings = ['cosine', 'linear'] as const;
/** The name of a way down. */
export type Annealing = (typeof annealings)[number];

/** The learning rate of step `step` (from 0) where an epoch has `stepsPerEpoch` steps. */
export function learningRateAt(schedule: Schedule, step: number, stepsPerEpoch: number): number {
  const { learningRate, warmupEpochs, epochs, annealing = 'cosine' } = schedule;
  check(learningRate > 0, `learningRate must be > 0, got ${learningRate}`);
  check(
    warmupEpochs >= 0 && warmupEpochs < epochs,
    `warmupEpochs must be in [0, epochs = ${epochs}), got ${warmupEpochs}`,
  );
  const warmup = Math.round(warmupEpochs * stepsPerEpoch);
  const total = epochs * stepsPerEpoch;
  if (step < warmup) return (learningRate * (step + 1)) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  if (annealing === 'linear') return learningRate * (1 - progress);
  return (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
}
