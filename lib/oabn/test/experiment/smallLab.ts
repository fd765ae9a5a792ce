/**
 * The smallest lab in which every kind of run runs: made images, a network of three quantized blocks,
 * seconds.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  finetuningRecipes,
  type Lab,
  type LabOptions,
  openLab,
  type RunDefaults,
  trainingRecipe,
} from '../../src/experiment/index.js';
import { normalizeArchitecture } from '../../src/model/index.js';

export const smallDefaults: RunDefaults = {
  data: { name: 'made', testImages: 200 },
  arch: normalizeArchitecture({ widths: [8, 8, 16], depths: [1, 2, 1], strides: [2, 1, 2], classes: 10 }),
  pretraining: trainingRecipe({ images: 320, batchSize: 32, epochs: 2, learningRate: 0.05 }),
  finetuning: finetuningRecipes({ images: 320, batchSize: 32, epochs: 1 }),
  calibrationImages: 64,
};

/** Opens it with a store of its own. */
export async function smallLab(options: LabOptions = {}): Promise<Lab> {
  const runs = options.runs ?? (await mkdtemp(join(tmpdir(), 'oabn-small-lab-')));
  return await openLab({ defaults: smallDefaults, data: '', notice: () => {}, ...options, runs });
}
