/** The learning rate over a run: a linear warm-up, then half a cosine to zero (arXiv 1608.03983). */
import { check } from 'oabn-base';

export interface Schedule {
  /** The highest learning rate, at the end of the warm-up. */
  readonly learningRate: number;
  /** Epochs of linear warm-up; may be a fraction. */
  readonly warmupEpochs: number;
  readonly epochs: number;
}

/** The learning rate of step `step` (from 0) where an epoch has `stepsPerEpoch` steps. */
export function learningRateAt(schedule: Schedule, step: number, stepsPerEpoch: number): number {
  const { learningRate, warmupEpochs, epochs } = schedule;
  check(learningRate > 0, `learningRate must be > 0, got ${learningRate}`);
  check(
    warmupEpochs >= 0 && warmupEpochs < epochs,
    `warmupEpochs must be in [0, epochs = ${epochs}), got ${warmupEpochs}`,
  );
  const warmup = Math.round(warmupEpochs * stepsPerEpoch);
  const total = epochs * stepsPerEpoch;
  if (step < warmup) return (learningRate * (step + 1)) / warmup;
  const progress = (step - warmup) / Math.max(1, total - warmup);
  return (learningRate * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;
}
