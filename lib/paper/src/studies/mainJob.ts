/** Every run of the main job, networks first, each once: what the notebooks' studies ask for, together. */
import type { Job } from 'oabn/experiment';
import type { Labs } from '../profiles/index.js';
import { ablationStudy } from './ablations.js';
import { learningRateStudy } from './learningRates.js';
import { lowBitStudy } from './lowBit.js';
import { ordinaryCnnStudy } from './plainNetworks.js';
import { ptqStudy } from './ptq.js';
import { type AnyStudy, studyJobs } from './study.js';
import { thresholdStudy } from './threshold.js';

/** CIFAR-10's side: figures 2, 4, 7a and 8, table 5, the search for learning rates and the ablations. */
const cifarStudies: readonly AnyStudy[] = [
  ordinaryCnnStudy,
  thresholdStudy(),
  lowBitStudy(),
  learningRateStudy,
  ablationStudy(),
];

/** ImageNet's side: figure 7b, tables 3 and 6. */
const imagenetStudies: readonly AnyStudy[] = [thresholdStudy(), ptqStudy(), lowBitStudy()];

/** The runs of both sides. */
export function mainJob({ cifar, imagenet }: Labs): Job[] {
  return [...studyJobs(cifar, cifarStudies), ...studyJobs(imagenet, imagenetStudies)];
}
