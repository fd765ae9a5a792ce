/**
 * Networks that were trained twice by the same configuration, on different processors: how far accuracies move by
 * rounding alone. A store holds one result of a configuration, so the second ones are in a file of their own; the
 * fine-tuned networks that ship may start from them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from 'oabn-base';

/** What a training gave; accuracies in [0, 1], of all test images. */
export interface TrainingOutcome {
  readonly fp32: number;
  /** After uniform PTQ with one scale per layer, by bits. */
  readonly ptq: Readonly<Record<number, number>>;
}

/** Two trainings of one configuration. */
export interface SecondTraining {
  /** Name in `pretrainingRivals`. */
  readonly pretraining: string;
  readonly seed: number;
  /** The name of the run, which both have. */
  readonly hash: string;
  /** The one that ships among the runs. */
  readonly first: TrainingOutcome;
  readonly second: TrainingOutcome;
}

/** Where they ship. */
export const secondTrainingsFile = (): string =>
  join(projectFolder(), 'data', 'results', 'second-trainings.json');

/** The second trainings that ship. */
export function secondTrainings(): SecondTraining[] {
  return (JSON.parse(readFileSync(secondTrainingsFile(), 'utf8')) as { rows: SecondTraining[] }).rows;
}
